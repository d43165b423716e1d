/**
 * The CPU: kernels of our own for what is bound by memory or can multiply less, oneDNN for other
 * convolutions. Which of them computes a convolution depends on its shape alone, never on the
 * batch.
 */
package org.halfstep.device.cpu;
