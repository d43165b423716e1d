package org.halfstep.device;

/**
 * How a GPU computes.
 *
 * @param attention what computes attention
 * @param deterministic whether the same training gives the same bits in every run, which may be
 *     slower; on a CPU it always does
 */
public record GpuOptions(AttentionAlgorithm attention, boolean deterministic) {
  /** The fastest algorithms, whose bits may differ from run to run. */
  public static GpuOptions standard() {
    return new GpuOptions(AttentionAlgorithm.FASTEST, false);
  }
}
