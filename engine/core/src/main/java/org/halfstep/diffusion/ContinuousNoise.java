package org.halfstep.diffusion;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * A continuous noise schedule that is not the truncated cosine, as a model's file says it.
 *
 * @param kind which
 * @param shift of the log-SNR, from -20 to 20; null for other kinds
 * @param sigmaMin least noise of Karras et al.; null for other kinds
 * @param sigmaMax greatest
 * @param sigmaData deviation of the data
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ContinuousNoise(
    Kind kind, Double shift, Double sigmaMin, Double sigmaMax, Double sigmaData) {
  /** Kinds of continuous schedules. */
  public enum Kind {
    /** {@link NoiseSchedule.ShiftedCosine}. */
    SHIFTED_COSINE,
    /** {@link NoiseSchedule.Karras}. */
    KARRAS
  }

  /** EDM's networks, trained on images in [-1, 1]. */
  public static final ContinuousNoise EDM =
      new ContinuousNoise(Kind.KARRAS, null, 0.002, 80.0, 0.5);

  private static final double MOST_SHIFT = 20;

  public ContinuousNoise {
    if (kind == null) {
      throw new IllegalArgumentException("a noise schedule needs its kind");
    }
    if (kind == Kind.SHIFTED_COSINE) {
      if (shift == null || !(Math.abs(shift) <= MOST_SHIFT)) {
        throw new IllegalArgumentException(
            "the shift of a log-SNR must be from -"
                + MOST_SHIFT
                + " to "
                + MOST_SHIFT
                + ", got "
                + shift);
      }
    } else if (sigmaMin == null || sigmaMax == null || sigmaData == null) {
      throw new IllegalArgumentException("the noise of Karras et al. needs its three sigmas");
    } else {
      // Says what is wrong with them.
      new NoiseSchedule.Karras(sigmaMin, sigmaMax, sigmaData);
    }
  }

  /** A cosine schedule shifted for images of a side in pixels. */
  public static ContinuousNoise shiftedFor(int side) {
    return new ContinuousNoise(
        Kind.SHIFTED_COSINE, NoiseSchedule.ShiftedCosine.shiftFor(side), null, null, null);
  }

  /**
   * The schedule itself.
   *
   * @param maxLogSnr bound of the cosine that is shifted
   */
  public NoiseSchedule schedule(double maxLogSnr) {
    return switch (kind) {
      case SHIFTED_COSINE -> new NoiseSchedule.ShiftedCosine(maxLogSnr, shift);
      case KARRAS -> new NoiseSchedule.Karras(sigmaMin, sigmaMax, sigmaData);
    };
  }
}
