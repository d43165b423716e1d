/** The CUDA driver as the engine asks of it; the only package that uses LWJGL. */
package org.halfstep.device.cuda.driver;
