package org.halfstep.latent;

/**
 * Which latent of an image's Gaussian is taken. The noise of image k of a seed is the same in any
 * batch. A first stage without a Gaussian has one latent, whatever is asked.
 *
 * @param isMode whether it is the mean, without noise
 * @param seed of the noise
 * @param firstImage number of the first image in the sequence of that seed
 */
public record LatentDraw(boolean isMode, long seed, long firstImage) {
  private static final LatentDraw MODE = new LatentDraw(true, 0, 0);

  /** The mean: what round trips and the encoder of a distilled model use. */
  public static LatentDraw mode() {
    return MODE;
  }

  /** A sample: what training, editing and inpainting use. */
  public static LatentDraw sample(long seed, long firstImage) {
    return new LatentDraw(false, seed, firstImage);
  }
}
