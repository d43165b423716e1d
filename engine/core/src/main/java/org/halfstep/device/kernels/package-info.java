/**
 * The operations that every device with a body of {@code native/include/halfstep.h} has: each binds
 * one kernel to its arguments.
 */
package org.halfstep.device.kernels;
