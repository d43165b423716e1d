package org.halfstep.diffusion;

/**
 * Weight of an example's squared error of v as a function of its noise level. The loss of an
 * example is {@code weightOnV * mean over its elements of (v - v_hat)^2}; the loss of a batch is
 * the mean over its examples.
 */
@FunctionalInterface
public interface ErrorWeight {
  /** Weight on the squared error of v at the noise level (alpha, sigma); in 0 .. 1. */
  double weightOnV(double alpha, double sigma);

  /**
   * Factor that turns an example's sum of {@code (v_hat - v)^2} into its loss.
   *
   * @param elements elements of one example
   */
  default double lossOfSquaredDistance(double alpha, double sigma, long elements) {
    return weightOnV(alpha, sigma) / elements;
  }

  /**
   * Factor g such that the gradient of the batch's loss for an example's v_hat is {@code g v_hat -
   * g v}.
   *
   * @param elements elements of one example
   * @param batch examples over which the loss is averaged
   */
  default double gradientOfDifference(double alpha, double sigma, long elements, long batch) {
    return 2 * weightOnV(alpha, sigma) / ((double) elements * batch);
  }
}
