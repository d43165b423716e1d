package org.halfstep.device;

/**
 * One way to compute a convolution, by what it costs.
 *
 * @param algorithm DIRECT, WINOGRAD2 or WINOGRAD4
 * @param taps whether Winograd's weights are packed as they are and transformed whenever they are
 *     used; else they are packed transformed. The results are the same bits.
 * @param type of the packed numbers
 * @param bytes of the packed weight
 * @param milliseconds that an image is expected to take, as the mean of one evaluated alone and one
 *     of eight evaluated together
 */
public record WeightChoice(
    ConvolutionAlgorithm algorithm, boolean taps, DataType type, long bytes, double milliseconds) {}
