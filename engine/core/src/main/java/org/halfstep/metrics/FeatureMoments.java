package org.halfstep.metrics;

/**
 * Mean and covariance of a set of features: all that the Frechet distance knows of it, and what
 * published reference statistics hold as {@code mu} and {@code sigma}.
 *
 * @param mean [d]
 * @param covariance [d, d] row-major, symmetric, sums of squares divided by N - 1; both arrays are
 *     kept, not copied
 */
public record FeatureMoments(double[] mean, double[] covariance) {
  /** Larger differences between the two halves of a covariance are not rounding errors. */
  private static final double ASYMMETRY = 1e-4;

  /**
   * @throws IllegalArgumentException if the sizes do not fit, a number is not finite, or the
   *     covariance is not symmetric or has a negative diagonal
   */
  public FeatureMoments {
    int d = mean.length;
    if (d < 1 || covariance.length != (long) d * d) {
      throw new IllegalArgumentException(
          "a mean of "
              + d
              + " and a covariance of "
              + covariance.length
              + " numbers do not belong together; expected [d] and [d, d]");
    }
    requireFinite(mean, "mean");
    requireFinite(covariance, "covariance");
    double largest = 0;
    for (int i = 0; i < d; i++) {
      double variance = covariance[i * d + i];
      if (variance < 0) {
        throw new IllegalArgumentException(
            "the covariance has " + variance + " on its diagonal at " + i + "; expected 0 or more");
      }
      largest = Math.max(largest, variance);
    }
    for (int i = 0; i < d; i++) {
      for (int j = 0; j < i; j++) {
        if (Math.abs(covariance[i * d + j] - covariance[j * d + i]) > ASYMMETRY * largest) {
          throw new IllegalArgumentException(
              "the covariance is not symmetric: rows and columns "
                  + i
                  + " and "
                  + j
                  + " differ; expected a covariance matrix [d, d]");
        }
      }
    }
  }

  /** Number of dimensions, d. */
  public int dimensions() {
    return mean.length;
  }

  /** Sum of the variances. */
  public double trace() {
    double sum = 0;
    for (int i = 0; i < mean.length; i++) {
      sum += covariance[i * mean.length + i];
    }
    return sum;
  }

  private static void requireFinite(double[] values, String what) {
    for (int i = 0; i < values.length; i++) {
      if (!Double.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "the " + what + " has " + values[i] + " at " + i + "; expected finite numbers");
      }
    }
  }
}
