package org.halfstep.metrics;

import org.halfstep.image.ImageBatch;

/**
 * Compares pictures with what an autoencoder made of them, as they come: the peak signal-to-noise
 * ratio and the {@link StructuralSimilarity}, of each picture, averaged over pictures.
 */
public final class ReconstructionMeter {
  private static final double PEAK = 255;

  private double ratios;
  private double similarities;
  private int count;

  /**
   * What was measured.
   *
   * @param pictures number of pictures
   * @param signalToNoise mean PSNR in decibels
   * @param similarity mean SSIM
   */
  public record Result(int pictures, double signalToNoise, double similarity) {}

  /**
   * The peak signal-to-noise ratio of a picture, {@code 10 log10(255^2 / MSE)} in decibels, the
   * mean of squares over all numbers. Of equal pictures it is that of one number that is 1 off, so
   * that it can be averaged.
   *
   * @param a 8-bit HWC
   * @param offsetA of its first byte
   * @param b of the same size
   * @param offsetB of its first byte
   * @param values numbers of a picture
   */
  public static double signalToNoise(byte[] a, int offsetA, byte[] b, int offsetB, int values) {
    long squares = 0;
    for (int i = 0; i < values; i++) {
      int difference = Byte.toUnsignedInt(a[offsetA + i]) - Byte.toUnsignedInt(b[offsetB + i]);
      squares += (long) difference * difference;
    }
    return 10 * Math.log10(PEAK * PEAK * values / Math.max(1, squares));
  }

  /**
   * Takes up pictures.
   *
   * @param made what became of them, in their order
   * @throws IllegalArgumentException when the two are not as many, or of other sizes
   */
  public void add(ImageBatch pictures, ImageBatch made) {
    if (pictures.count() != made.count()
        || pictures.height() != made.height()
        || pictures.width() != made.width()
        || pictures.channels() != made.channels()) {
      throw new IllegalArgumentException(
          pictures.count()
              + " pictures are not of the size of the "
              + made.count()
              + " made of them");
    }
    int values = pictures.height() * pictures.width() * pictures.channels();
    for (int i = 0; i < pictures.count(); i++) {
      int first = i * values;
      ratios += signalToNoise(pictures.pixels(), first, made.pixels(), first, values);
      similarities +=
          StructuralSimilarity.of(
              pictures.pixels(),
              first,
              made.pixels(),
              first,
              pictures.height(),
              pictures.width(),
              pictures.channels());
      count++;
    }
  }

  /**
   * The means of the pictures so far.
   *
   * @throws IllegalStateException when there were none
   */
  public Result result() {
    if (count == 0) {
      throw new IllegalStateException("there were no pictures to compare");
    }
    return new Result(count, ratios / count, similarities / count);
  }
}
