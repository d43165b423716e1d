package org.halfstep.train;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.halfstep.device.DataType;

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
 * @param state how both moments are stored: F32, or BF16, which takes half the memory, rounds the
 *     second one at random, and converges as well; null for F32
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record OptimizerSettings(
    double beta1,
    double beta2,
    double eps,
    double weightDecay,
    boolean decoupled,
    double clipNorm,
    double emaDecay,
    DataType state) {
  public OptimizerSettings {
    // The usual state is not written down: settings of older runs say the same.
    state = state == DataType.F32 ? null : state;
    require(
        state == null || state == DataType.BF16,
        "the optimizer's state is F32 or BF16, got " + state);
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

  /** With moments in float32. */
  public OptimizerSettings(
      double beta1,
      double beta2,
      double eps,
      double weightDecay,
      boolean decoupled,
      double clipNorm,
      double emaDecay) {
    this(beta1, beta2, eps, weightDecay, decoupled, clipNorm, emaDecay, null);
  }

  /** The same with moments of another type. */
  public OptimizerSettings withState(DataType newState) {
    return new OptimizerSettings(
        beta1, beta2, eps, weightDecay, decoupled, clipNorm, emaDecay, newState);
  }

  /** How both moments are stored. */
  public DataType momentType() {
    return state == null ? DataType.F32 : state;
  }

  /**
   * Bytes of what a training keeps of its parameters: themselves and their gradients in float32,
   * both moments, and the average where there is one.
   *
   * @param parameters numbers of them
   */
  public long bytes(long parameters) {
    return parameters * (Float.BYTES * (hasEma() ? 3 : 2) + 2L * momentType().bytes());
  }

  /** Adam with the usual constants, clipping at 1, and a moving average. */
  public static OptimizerSettings adam(double emaDecay) {
    return new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, emaDecay);
  }

  public boolean hasEma() {
    return emaDecay > 0;
  }
}
