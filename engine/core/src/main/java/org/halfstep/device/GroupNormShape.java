package org.halfstep.device;

/**
 * Group normalisation over the channel concatenation of two sources, with optional SiLU.
 *
 * @param batch samples
 * @param pixels height times width
 * @param channels0 channels of the first source
 * @param channels1 channels of the second source, 0 for none
 * @param groups groups over all channels
 * @param eps added to the variance
 * @param activation what follows: NONE or SILU
 * @param type storage type of the activations
 */
public record GroupNormShape(
    int batch,
    int pixels,
    int channels0,
    int channels1,
    int groups,
    float eps,
    Activation activation,
    DataType type) {

  public GroupNormShape {
    if (batch < 1 || pixels < 1 || channels0 < 1 || channels1 < 0 || groups < 1) {
      throw new IllegalArgumentException("group norm sizes must be positive");
    }
    if (activation != Activation.NONE && activation != Activation.SILU) {
      throw new IllegalArgumentException(
          "SiLU or nothing follows a group normalisation, not " + activation);
    }
    if ((channels0 + channels1) % groups != 0) {
      throw new IllegalArgumentException(
          (channels0 + channels1) + " channels do not split into " + groups + " groups");
    }
  }

  public int channels() {
    return channels0 + channels1;
  }

  /** Bytes of the table of factors that {@link Operations#groupNormTable} fills. */
  public long tableBytes() {
    return 3L * Float.BYTES * batch * channels();
  }

  /** Bytes of the moments of so many samples and channels ({@link Operations#channelMoments}). */
  public static long momentBytes(int batch, int channels) {
    return 2L * Float.BYTES * batch * channels;
  }

  /** Bytes of the statistics that the forward pass leaves for the backward pass. */
  public long statisticsBytes() {
    return 2L * Float.BYTES * batch * groups;
  }

  /**
   * Addresses of the forward pass.
   *
   * @param x1 0 when there is no second source
   * @param modulation 0 for none; row i holds scale then shift at {@code modulation + 4 i
   *     modulationStride}
   */
  public record Memory(
      long x0,
      long x1,
      long weight,
      long bias,
      long modulation,
      long modulationStride,
      long y,
      long statistics,
      long workspace) {}

  /** Addresses of the backward pass, beside those of the forward pass. */
  public record Gradients(
      long dy,
      long dx0,
      boolean accumulate0,
      long dx1,
      boolean accumulate1,
      long dweight,
      long dbias,
      long dmodulation,
      long dmodulationStride,
      long workspace) {}
}
