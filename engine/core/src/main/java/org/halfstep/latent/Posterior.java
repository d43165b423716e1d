package org.halfstep.latent;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The Gaussian over latents that an encoder gives: of every pixel the means of its channels, then
 * the logarithms of their variances, which are clamped to [{@value #LEAST_LOG_VARIANCE}, {@value
 * #MOST_LOG_VARIANCE}]. Source: specification 3.1.
 */
public final class Posterior {
  /** Key of our own noise beside seed and image; samplers count theirs from 0. */
  static final int DRAW = 0x8000_0000;

  static final double LEAST_LOG_VARIANCE = -30;
  static final double MOST_LOG_VARIANCE = 20;

  private Posterior() {}

  /** Standard deviation of a channel. */
  public static double deviation(double logVariance) {
    return Math.exp(0.5 * Math.clamp(logVariance, LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE));
  }

  /**
   * A number of a latent, {@code mean + deviation noise}.
   *
   * @param moments float32, pixels x (2 channels)
   * @param channels of the latent
   * @param element pixel x channels + channel
   * @param noise of all elements; null for the mean
   */
  static double latent(MemorySegment moments, int channels, long element, float[] noise) {
    long mean = element / channels * channels + element;
    double z = moments.getAtIndex(ValueLayout.JAVA_FLOAT, mean);
    if (noise == null) {
      return z;
    }
    double logVariance = moments.getAtIndex(ValueLayout.JAVA_FLOAT, mean + channels);
    return z + deviation(logVariance) * noise[(int) element];
  }
}
