/**
 * NVIDIA GPUs: our kernels, cuDNN and cuBLASLt on streams of the CUDA driver, recorded as CUDA
 * graphs.
 */
package org.halfstep.device.cuda;
