/**
 * cuDNN by its graph API: convolutions and attention as operation graphs, their execution plans
 * made side by side, kept on disk and, where that is asked for, timed. {@link
 * org.halfstep.device.cuda.cudnn.CudnnLibrary} is the way in.
 */
package org.halfstep.device.cuda.cudnn;
