package org.halfstep.quantize;

/**
 * What activations are measured on.
 *
 * @param images images, each of which is noised to every step time of the network
 * @param seed of the noise and of the guidance strengths
 */
public record CalibrationSettings(int images, long seed) {
  /** Images unless asked otherwise. */
  public static final int DEFAULT_IMAGES = 128;

  public CalibrationSettings {
    if (images < 1) {
      throw new IllegalArgumentException("calibration needs at least one image, got " + images);
    }
  }

  /** {@value #DEFAULT_IMAGES} images and seed 0. */
  public static CalibrationSettings standard() {
    return new CalibrationSettings(DEFAULT_IMAGES, 0);
  }
}
