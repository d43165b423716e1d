/**
 * Turning a network into an int8 one: its activations are measured on noised images ({@link
 * org.halfstep.quantize.Calibration}), and scales are chosen that lose least.
 */
package org.halfstep.quantize;
