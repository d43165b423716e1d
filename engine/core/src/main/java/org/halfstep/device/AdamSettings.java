package org.halfstep.device;

/**
 * What stays the same through a training run of Adam or AdamW (Kingma and Ba, 2015; Loshchilov and
 * Hutter, 2019).
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param eps added to the root of the second moment
 * @param weightDecay decay of the weights
 * @param decoupled AdamW instead of Adam
 * @param state how both moments are stored: {@link DataType#F32}, or {@link DataType#BF16}, where
 *     the second one is rounded at random
 * @param seed of that
 */
public record AdamSettings(
    double beta1,
    double beta2,
    double eps,
    double weightDecay,
    boolean decoupled,
    DataType state,
    long seed) {
  /** Moments in float32. */
  public AdamSettings(
      double beta1, double beta2, double eps, double weightDecay, boolean decoupled) {
    this(beta1, beta2, eps, weightDecay, decoupled, DataType.F32, 0);
  }
}
