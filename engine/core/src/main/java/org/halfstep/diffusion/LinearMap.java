package org.halfstep.diffusion;

/**
 * {@code result = onZ * z + onOutput * output}: the form that every conversion and every
 * deterministic step of a diffusion model takes for one sample, with z the noisy image and output
 * what a network predicted from it.
 *
 * @param onZ coefficient of z
 * @param onOutput coefficient of the prediction
 */
public record LinearMap(double onZ, double onOutput) {
  /** Returns z unchanged. */
  public static final LinearMap KEEP_Z = new LinearMap(1, 0);

  /** Returns the prediction unchanged. */
  public static final LinearMap TAKE_OUTPUT = new LinearMap(0, 1);

  /** This map over the arrays of one sample; {@code result} may be either input. */
  public void apply(double[] z, double[] output, double[] result) {
    for (int j = 0; j < result.length; j++) {
      result[j] = onZ * z[j] + onOutput * output[j];
    }
  }

  /** This map with its result multiplied by a factor. */
  public LinearMap times(double factor) {
    return new LinearMap(factor * onZ, factor * onOutput);
  }

  /** This map of (z, first(z, output)), as one map of (z, output). */
  public LinearMap after(LinearMap first) {
    return new LinearMap(onZ + onOutput * first.onZ, onOutput * first.onOutput);
  }
}
