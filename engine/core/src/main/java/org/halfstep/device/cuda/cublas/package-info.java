/** Matrix products by cuBLASLt, as 1x1 convolutions and linear layers ask for them. */
package org.halfstep.device.cuda.cublas;
