package org.halfstep.diffusion;

/**
 * Weight of the squared error of the x prediction as a function of the noise level (Salimans and Ho
 * 2022, section 4). The loss of an example is {@code weight * mean over its elements of (x -
 * x_hat)^2}; the loss of a batch is the mean over its examples.
 *
 * <p>Networks here predict v, and {@code x - x_hat = -sigma (v - v_hat)}, so the same loss is
 * {@code weightOnV * mean (v - v_hat)^2} with {@code weightOnV = sigma^2 weight}. That form is
 * finite at every noise level; use it.
 */
public enum LossWeighting implements ErrorWeight {
  /** Weight 1: the plain error of x. */
  CONSTANT,
  /** alpha^2 / sigma^2: the error of eps. Zero at time 1, so it cannot train a one-step model. */
  SNR,
  /**
   * max(alpha^2 / sigma^2, 1): the larger of the errors of x and eps; what progressive distillation
   * uses.
   */
  TRUNCATED_SNR,
  /** 1 + alpha^2 / sigma^2: the plain error of v. */
  SNR_PLUS_1;

  /** Weight on the squared error of x; may be infinite at sigma = 0. */
  public double weight(double alpha, double sigma) {
    double snr = alpha * alpha / (sigma * sigma);
    return switch (this) {
      case CONSTANT -> 1;
      case SNR -> snr;
      case TRUNCATED_SNR -> Math.max(snr, 1);
      case SNR_PLUS_1 -> snr + 1;
    };
  }

  /**
   * Weight on the squared error of v: {@code sigma^2 weight}, in a form without a division; in 0 ..
   * 1.
   */
  @Override
  public double weightOnV(double alpha, double sigma) {
    return switch (this) {
      case CONSTANT -> sigma * sigma;
      case SNR -> alpha * alpha;
      case TRUNCATED_SNR -> Math.max(alpha * alpha, sigma * sigma);
      case SNR_PLUS_1 -> 1;
    };
  }
}
