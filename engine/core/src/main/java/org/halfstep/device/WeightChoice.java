package org.halfstep.device;

/**
 * One way to compute a convolution, by what it costs.
 *
 * @param algorithm DIRECT, WINOGRAD2 or WINOGRAD4
 * @param form what is read of the weight
 * @param type of the numbers that are read
 * @param bytes of the packed weight; 0 where nothing is packed
 * @param milliseconds that an image is expected to take, as the mean of one evaluated alone and one
 *     of eight evaluated together
 * @param packing milliseconds that packing is expected to take, once
 */
public record WeightChoice(
    ConvolutionAlgorithm algorithm,
    WeightForm form,
    DataType type,
    long bytes,
    double milliseconds,
    double packing) {
  /**
   * Milliseconds of an image and evaluation with its share of the packing.
   *
   * @param evaluations altogether
   */
  public double share(long evaluations) {
    return milliseconds + packing / evaluations;
  }
}
