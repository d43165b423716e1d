/** What a CUDA device asks of NVIDIA's libraries, and what these have in common. */
package org.halfstep.device.cuda.library;
