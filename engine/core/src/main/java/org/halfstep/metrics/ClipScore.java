package org.halfstep.metrics;

import java.util.Arrays;

/**
 * How well images agree with their captions: the cosines of CLIP's embeddings of the two. It is
 * told on several scales; what is compared must be of one, and of one CLIP.
 *
 * <p>Source: Hessel et al. 2021, "CLIPScore"; the scale to 100 is torchmetrics'.
 *
 * @param pairs of an image and its caption
 * @param cosine mean over the pairs, in -1 .. 1
 * @param clampedCosine mean of what of each pair's cosine is above 0
 */
public record ClipScore(int pairs, double cosine, double clampedCosine) {
  private static final double PERCENT = 100;
  private static final double WEIGHT = 2.5;

  /**
   * The score of pairs.
   *
   * @param cosines one per pair, at least one
   */
  public static ClipScore of(double... cosines) {
    if (cosines.length == 0) {
      throw new IllegalArgumentException("a CLIP score needs at least one image with a caption");
    }
    return new ClipScore(
        cosines.length,
        Arrays.stream(cosines).sum() / cosines.length,
        Arrays.stream(cosines).map(cosine -> Math.max(cosine, 0)).sum() / cosines.length);
  }

  /** The mean cosine in percent, at least 0: what torchmetrics reports. */
  public double score() {
    return Math.max(PERCENT * cosine, 0);
  }

  /** The same, where each pair counts at least 0. */
  public double clampedByPair() {
    return PERCENT * clampedCosine;
  }

  /** The paper's CLIP-S: 2.5 times each pair's cosine, at least 0. */
  public double clipS() {
    return WEIGHT * clampedCosine;
  }

  /**
   * The cosine between two embeddings.
   *
   * @throws IllegalArgumentException when they differ in length, or one has no direction
   */
  public static double cosine(double[] image, double... text) {
    if (image.length != text.length) {
      throw new IllegalArgumentException(
          "an embedding of "
              + image.length
              + " numbers cannot be compared with one of "
              + text.length);
    }
    double product = product(image, text);
    double norms = Math.sqrt(product(image, image)) * Math.sqrt(product(text, text));
    if (!(norms > 0) || Double.isInfinite(norms)) {
      throw new IllegalArgumentException(
          "an embedding that is zero, or not finite, has no direction");
    }
    return product / norms;
  }

  /** The scalar product of vectors of one length. */
  static double product(double[] a, double... b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
