package org.halfstep.image;

/**
 * Resizing of images by a separable Lanczos filter with three lobes. When an image shrinks, the
 * filter widens by the same factor, so that what the result cannot show is averaged away instead of
 * aliased (Turkowski 1990, "Filters for Common Resampling Tasks").
 */
public final class Resampling {
  private static final int LOBES = 3;

  private Resampling() {}

  /** A picture that is read row by row. */
  interface Rows {
    int height();

    int width();

    int channels();

    /** Writes {@code width * channels} values of any range. */
    void read(int y, float[] row);
  }

  /**
   * Cuts the largest centred window of the target's aspect ratio and resizes it.
   *
   * @param source values of any range, HWC
   * @return {@code height * width * channels} values, HWC; may overshoot the source's range a
   *     little at edges
   */
  public static float[] cropAndResize(
      float[] source, int sourceHeight, int sourceWidth, int channels, int height, int width) {
    Rows rows =
        new Rows() {
          @Override
          public int height() {
            return sourceHeight;
          }

          @Override
          public int width() {
            return sourceWidth;
          }

          @Override
          public int channels() {
            return channels;
          }

          @Override
          public void read(int y, float[] row) {
            System.arraycopy(source, y * row.length, row, 0, row.length);
          }
        };
    return resize(rows, true, height, width);
  }

  /**
   * Resizes a picture, or the largest centred window of the target's aspect ratio.
   *
   * @param crop whether only that window is taken
   */
  static float[] resize(Rows source, boolean crop, int height, int width) {
    int channels = source.channels();
    double cropWidth =
        crop ? Math.min(source.width(), (double) source.height() * width / height) : source.width();
    double cropHeight =
        crop
            ? Math.min(source.height(), (double) source.width() * height / width)
            : source.height();
    Taps across = Taps.of(source.width(), (source.width() - cropWidth) / 2, cropWidth, width);
    Taps down = Taps.of(source.height(), (source.height() - cropHeight) / 2, cropHeight, height);

    // Only the rows that the result reads.
    int from = down.first[0];
    int to = down.first[height - 1] + down.weights[height - 1].length;
    int row = width * channels;
    float[] narrowed = new float[Math.multiplyExact(to - from, row)];
    float[] wide = new float[Math.multiplyExact(source.width(), channels)];
    for (int y = from; y < to; y++) {
      source.read(y, wide);
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < channels; c++) {
          float sum = 0;
          for (int k = 0; k < across.weights[x].length; k++) {
            sum += across.weights[x][k] * wide[(across.first[x] + k) * channels + c];
          }
          narrowed[(y - from) * row + x * channels + c] = sum;
        }
      }
    }
    float[] result = new float[height * row];
    for (int y = 0; y < height; y++) {
      for (int i = 0; i < row; i++) {
        float sum = 0;
        for (int k = 0; k < down.weights[y].length; k++) {
          sum += down.weights[y][k] * narrowed[(down.first[y] - from + k) * row + i];
        }
        result[y * row + i] = sum;
      }
    }
    return result;
  }

  /**
   * For each target position the first source position it reads, and the weights from there on;
   * they sum to 1.
   */
  private record Taps(int[] first, float[][] weights) {
    static Taps of(int sourceSize, double windowStart, double windowSize, int targetSize) {
      int[] first = new int[targetSize];
      float[][] weights = new float[targetSize][];
      double scale = windowSize / targetSize;
      double widening = Math.max(1, scale);
      double radius = LOBES * widening;
      for (int i = 0; i < targetSize; i++) {
        double center = windowStart + (i + 0.5) * scale;
        int from = Math.max(0, (int) Math.floor(center - radius + 0.5));
        int to = Math.min(sourceSize, (int) Math.ceil(center + radius - 0.5));
        double[] exact = new double[to - from];
        double total = 0;
        for (int k = 0; k < exact.length; k++) {
          exact[k] = lanczos((from + k + 0.5 - center) / widening);
          total += exact[k];
        }
        first[i] = from;
        weights[i] = new float[exact.length];
        for (int k = 0; k < exact.length; k++) {
          weights[i][k] = (float) (exact[k] / total);
        }
      }
      return new Taps(first, weights);
    }
  }

  private static double lanczos(double x) {
    if (Math.abs(x) >= LOBES) {
      return 0;
    }
    return sinc(x) * sinc(x / LOBES);
  }

  private static double sinc(double x) {
    double angle = Math.PI * x;
    return Math.abs(angle) < 1e-9 ? 1 : Math.sin(angle) / angle;
  }
}
