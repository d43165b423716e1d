package org.halfstep.latent;

import org.halfstep.random.Philox;

/**
 * Which latent of an image's Gaussian is taken. A first stage without a Gaussian has one latent,
 * whatever is asked.
 *
 * @param noise what is multiplied with the deviations; null for the mean
 */
public record LatentDraw(Noise noise) {
  private static final LatentDraw MODE = new LatentDraw(null);

  /** Standard normal noise of images that are encoded together. */
  @FunctionalInterface
  public interface Noise {
    /**
     * Writes the noise of one image.
     *
     * @param image number of this image in the draw, from 0
     * @param values of its latent, channels innermost
     */
    void write(int image, float[] values);
  }

  /** The mean: what round trips and the encoder of a distilled model use. */
  public static LatentDraw mode() {
    return MODE;
  }

  /**
   * A sample: what training, editing and inpainting use. The noise of image k of a seed is the same
   * in any batch.
   *
   * @param firstImage number of the first image in the sequence of that seed
   */
  public static LatentDraw sample(long seed, long firstImage) {
    return new LatentDraw(
        (image, values) -> Philox.normal(seed, firstImage + image, Posterior.DRAW, values));
  }

  /** Whether it is the mean, without noise. */
  public boolean isMode() {
    return noise == null;
  }
}
