package org.halfstep.train;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Set;
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
 * @param averages decays of further moving averages, up to 8 that differ, each positive and smaller
 *     than 1: kept beside the usual one, and written when a phase ends; null for none
 * @param parts in how many equal parts a batch is computed, one after the other, their gradients
 *     summed: less memory for the same update; a divisor of the batch; null for 1
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
    DataType state,
    List<Double> averages,
    Integer parts) {
  private static final int MOST_AVERAGES = 8;

  public OptimizerSettings {
    // The usual state is not written down: settings of older runs say the same.
    state = state == DataType.F32 ? null : state;
    require(
        state == null || state == DataType.BF16,
        "the optimizer's state is F32 or BF16, got " + state);
    averages = averages == null || averages.isEmpty() ? null : List.copyOf(averages);
    parts = parts == null || parts == 1 ? null : parts;
    require(parts == null || parts > 1, "a batch has at least one part, got " + parts);
    if (averages != null) {
      require(
          averages.size() <= MOST_AVERAGES
              && averages.stream().allMatch(decay -> decay > 0 && decay < 1)
              && Set.copyOf(averages).size() == averages.size(),
          "further averages have up to "
              + MOST_AVERAGES
              + " different decays above 0 and below 1, got "
              + averages);
    }
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
    this(beta1, beta2, eps, weightDecay, decoupled, clipNorm, emaDecay, null, null, null);
  }

  /** The same with moments of another type. */
  public OptimizerSettings withState(DataType newState) {
    return new OptimizerSettings(
        beta1, beta2, eps, weightDecay, decoupled, clipNorm, emaDecay, newState, averages, parts);
  }

  /** The same with further averages. */
  public OptimizerSettings withAverages(Double... decays) {
    return new OptimizerSettings(
        beta1,
        beta2,
        eps,
        weightDecay,
        decoupled,
        clipNorm,
        emaDecay,
        state,
        List.of(decays),
        parts);
  }

  /** The same with a batch in so many parts. */
  public OptimizerSettings withParts(int newParts) {
    return new OptimizerSettings(
        beta1, beta2, eps, weightDecay, decoupled, clipNorm, emaDecay, state, averages, newParts);
  }

  /** Decays of further moving averages. */
  public List<Double> furtherAverages() {
    return averages == null ? List.of() : averages;
  }

  /**
   * Examples of a batch that are computed together.
   *
   * @throws IllegalArgumentException when the batch does not split into the parts
   */
  public int rows(int batch) {
    int count = parts == null ? 1 : parts;
    require(
        batch % count == 0,
        "a batch of " + batch + " does not split into " + count + " equal parts: optimizer.parts");
    return batch / count;
  }

  /** How both moments are stored. */
  public DataType momentType() {
    return state == null ? DataType.F32 : state;
  }

  /**
   * Bytes of what a training keeps of its parameters: themselves and their gradients in float32,
   * both moments, the averages where there are some, and the sum of gradients of parts.
   *
   * @param parameters numbers of them
   */
  public long bytes(long parameters) {
    int slabs = 2 + (hasEma() ? 1 : 0) + furtherAverages().size() + (parts == null ? 0 : 1);
    return parameters * (Float.BYTES * slabs + 2L * momentType().bytes());
  }

  /** Adam with the usual constants, clipping at 1, and a moving average. */
  public static OptimizerSettings adam(double emaDecay) {
    return new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, emaDecay);
  }

  public boolean hasEma() {
    return emaDecay > 0;
  }
}
