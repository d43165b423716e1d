package org.halfstep.metrics;

/**
 * The structural similarity of two 8-bit pictures (SSIM): of every window, how alike means,
 * contrasts and structure are; 1 for equal pictures. Source: Wang, Bovik, Sheikh and Simoncelli,
 * "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004): Gaussian
 * windows of 11 x 11 pixels with a standard deviation of 1.5, moved pixel by pixel and wholly
 * inside the picture; K1 = 0.01, K2 = 0.03, a range of 255. Channels are compared one by one, and
 * averaged.
 */
public final class StructuralSimilarity {
  /** Rows and columns of a window, and of the smallest picture. */
  public static final int WINDOW = 11;

  private static final double DEVIATION = 1.5;
  private static final double RANGE = 255;
  private static final double C1 = (0.01 * RANGE) * (0.01 * RANGE);
  private static final double C2 = (0.03 * RANGE) * (0.03 * RANGE);
  private static final double[] WEIGHTS = weights();

  private StructuralSimilarity() {}

  private static double[] weights() {
    double[] weights = new double[WINDOW];
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
      double away = i - WINDOW / 2;
      weights[i] = Math.exp(-away * away / (2 * DEVIATION * DEVIATION));
      sum += weights[i];
    }
    for (int i = 0; i < WINDOW; i++) {
      weights[i] /= sum;
    }
    return weights;
  }

  /**
   * Compares two pictures.
   *
   * @param a 8-bit HWC
   * @param offsetA of its first byte
   * @param b of the same size
   * @param offsetB of its first byte
   * @throws IllegalArgumentException when a side is smaller than {@value #WINDOW} pixels
   */
  public static double of(
      byte[] a, int offsetA, byte[] b, int offsetB, int height, int width, int channels) {
    if (height < WINDOW || width < WINDOW) {
      throw new IllegalArgumentException(
          "a structural similarity needs pictures of at least "
              + WINDOW
              + "x"
              + WINDOW
              + " pixels, got "
              + height
              + "x"
              + width);
    }
    double sum = 0;
    for (int c = 0; c < channels; c++) {
      double[] x = channel(a, offsetA + c, height * width, channels);
      double[] y = channel(b, offsetB + c, height * width, channels);
      sum += ofChannel(x, y, height, width);
    }
    return sum / channels;
  }

  private static double[] channel(byte[] pixels, int first, int count, int channels) {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = Byte.toUnsignedInt(pixels[first + i * channels]);
    }
    return values;
  }

  private static double ofChannel(double[] x, double[] y, int height, int width) {
    double[] meanX = windows(x, height, width);
    double[] meanY = windows(y, height, width);
    double[] squareX = windows(product(x, x), height, width);
    double[] squareY = windows(product(y, y), height, width);
    double[] both = windows(product(x, y), height, width);
    double sum = 0;
    for (int i = 0; i < meanX.length; i++) {
      double means = meanX[i] * meanY[i];
      double squares = meanX[i] * meanX[i] + meanY[i] * meanY[i];
      double covariance = both[i] - means;
      double variances = squareX[i] + squareY[i] - squares;
      sum += (2 * means + C1) * (2 * covariance + C2) / ((squares + C1) * (variances + C2));
    }
    return sum / meanX.length;
  }

  private static double[] product(double[] x, double[] y) {
    double[] product = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      product[i] = x[i] * y[i];
    }
    return product;
  }

  /** Weighted means of all windows: along the rows, then along the columns. */
  private static double[] windows(double[] values, int height, int width) {
    int columns = width - WINDOW + 1;
    int rows = height - WINDOW + 1;
    double[] across = new double[height * columns];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < columns; x++) {
        double sum = 0;
        for (int k = 0; k < WINDOW; k++) {
          sum += WEIGHTS[k] * values[y * width + x + k];
        }
        across[y * columns + x] = sum;
      }
    }
    double[] means = new double[rows * columns];
    for (int y = 0; y < rows; y++) {
      for (int x = 0; x < columns; x++) {
        double sum = 0;
        for (int k = 0; k < WINDOW; k++) {
          sum += WEIGHTS[k] * across[(y + k) * columns + x];
        }
        means[y * columns + x] = sum;
      }
    }
    return means;
  }
}
