package org.halfstep.train;

/**
 * How weights are updated.
 *
 * @param beta1 decay of the first moment, at least 0 and below 1
 * @param beta2 decay of the second moment, at least 0 and below 1
 * @param eps added to the root of the second moment, above 0
 * @param weightDecay added to the gradient (Adam) or applied to the weights (AdamW), at least 0
 * @param decoupled AdamW instead of Adam
 * @param clipNorm largest norm of all gradients together, at least 0; larger ones are scaled down;
 *     0 for no clipping
 * @param emaDecay decay of the moving average of the weights, at least 0 and below 1; 0 for none
 */
public record OptimizerSettings(
    double beta1,
    double beta2,
    double eps,
    double weightDecay,
    boolean decoupled,
    double clipNorm,
    double emaDecay) {
  public OptimizerSettings {
    require(beta1 >= 0 && beta1 < 1, "beta1 must lie in [0, 1), got " + beta1);
    require(beta2 >= 0 && beta2 < 1, "beta2 must lie in [0, 1), got " + beta2);
    require(eps > 0, "eps must be positive, got " + eps);
    require(weightDecay >= 0, "weight decay must not be negative, got " + weightDecay);
    require(clipNorm >= 0, "the clipping norm must not be negative, got " + clipNorm);
    require(emaDecay >= 0 && emaDecay < 1, "the EMA decay must lie in [0, 1), got " + emaDecay);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Adam with the usual constants, clipping at 1, and a moving average. */
  public static OptimizerSettings adam(double emaDecay) {
    return new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, emaDecay);
  }

  public boolean hasEma() {
    return emaDecay > 0;
  }
}
