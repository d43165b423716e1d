package org.halfstep.model;

/**
 * The scales of one int8 convolution.
 *
 * @param input what one step of an input byte stands for, above 0
 * @param zeroPoint the input byte that stands for 0, in 0..255
 * @param weights what one step of a weight byte stands for, per output channel, above 0
 */
public record LayerScales(float input, int zeroPoint, float[] weights) {
  /** Largest magnitude of a weight byte: -128 is not used, so that weights are symmetric. */
  public static final int LARGEST_WEIGHT = 127;

  /** Largest input byte. */
  public static final int LARGEST_INPUT = 255;

  public LayerScales {
    if (!(input > 0) || zeroPoint < 0 || zeroPoint > LARGEST_INPUT) {
      throw new IllegalArgumentException(
          "an input scale must be above 0 and a zero point in 0.."
              + LARGEST_INPUT
              + ", got "
              + input
              + " and "
              + zeroPoint);
    }
    weights = weights.clone();
    for (float scale : weights) {
      if (!(scale > 0)) {
        throw new IllegalArgumentException("a weight scale must be above 0, got " + scale);
      }
    }
  }

  /** A copy of the weight scales. */
  @Override
  public float[] weights() {
    return weights.clone();
  }

  /** The byte nearest to a weight. */
  public static int weightByte(float weight, float scale) {
    return Math.clamp(Math.round(weight / scale), -LARGEST_WEIGHT, LARGEST_WEIGHT);
  }
}
