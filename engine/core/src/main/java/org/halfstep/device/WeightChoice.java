package org.halfstep.device;

/**
 * One way to compute a convolution, by what it costs.
 *
 * @param algorithm DIRECT, WINOGRAD2 or WINOGRAD4
 * @param bytes of the packed weight
 * @param milliseconds that an image is expected to take, as the mean of one evaluated alone and one
 *     of eight evaluated together
 */
public record WeightChoice(ConvolutionAlgorithm algorithm, long bytes, double milliseconds) {}
