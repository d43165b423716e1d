package org.halfstep.metrics;

import org.halfstep.image.ImageBatch;

/** How far pictures are from others, number by number, of any size: as they come. */
public final class PixelErrors {
  private double squares;
  private double ratios;
  private long values;
  private int count;

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
    int each = pictures.height() * pictures.width() * pictures.channels();
    byte[] a = pictures.pixels();
    byte[] b = made.pixels();
    for (int i = 0; i < a.length; i++) {
      double difference = Byte.toUnsignedInt(a[i]) - Byte.toUnsignedInt(b[i]);
      squares += difference * difference;
    }
    for (int i = 0; i < pictures.count(); i++) {
      ratios += ReconstructionMeter.signalToNoise(a, i * each, b, i * each, each);
    }
    values += a.length;
    count += pictures.count();
  }

  /** Pictures so far. */
  public int count() {
    return count;
  }

  /** Root mean square of all differences, 0 to 255; not a number of no pictures. */
  public double rootMeanSquare() {
    return Math.sqrt(squares / values);
  }

  /**
   * Mean of the pictures' peak signal-to-noise ratios in decibels ({@link
   * ReconstructionMeter#signalToNoise}); not a number of no pictures.
   */
  public double signalToNoise() {
    return ratios / count;
  }
}
