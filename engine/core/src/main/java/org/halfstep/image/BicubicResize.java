package org.halfstep.image;

/**
 * Bicubic resizing of 8-bit pictures as Pillow computes it, which CLIP's pictures have gone
 * through: a kernel with a = -1/2 that widens where a picture shrinks, rows first, then columns,
 * each rounded to 8 bits, by weights of 22 binary places.
 */
public final class BicubicResize {
  private static final double A = -0.5;
  private static final double REACH = 2;
  private static final int PLACES = 22;
  private static final int HALF = 1 << PLACES - 1;

  private BicubicResize() {}

  /**
   * A part of a resized picture.
   *
   * @param top first row that is wanted
   * @param left first column that is wanted
   * @param rows that are wanted
   * @param columns that are wanted
   */
  public record Part(int top, int left, int rows, int columns) {}

  /**
   * Resizes a picture.
   *
   * @param pixels 8-bit HWC, {@code height * width * channels} bytes
   * @param toHeight rows of the whole result
   * @param toWidth columns of the whole result
   * @param part what of it is formed
   * @return 8-bit HWC, {@code part.rows * part.columns * channels} bytes
   */
  public static byte[] resize(
      byte[] pixels, int height, int width, int channels, int toHeight, int toWidth, Part part) {
    Weights across = Weights.of(width, toWidth, part.left, part.columns);
    Weights down = Weights.of(height, toHeight, part.top, part.rows);
    // Only the rows that the result reads.
    int from = down.first[0];
    int to = down.first[part.rows - 1] + down.weights[part.rows - 1].length;
    int row = Math.multiplyExact(part.columns, channels);
    byte[] narrowed = new byte[Math.multiplyExact(to - from, row)];
    for (int y = from; y < to; y++) {
      for (int x = 0; x < part.columns; x++) {
        int source = (y * width + across.first[x]) * channels;
        int target = (y - from) * row + x * channels;
        for (int c = 0; c < channels; c++) {
          narrowed[target + c] = sum(pixels, source + c, channels, across.weights[x]);
        }
      }
    }
    byte[] resized = new byte[Math.multiplyExact(part.rows, row)];
    for (int y = 0; y < part.rows; y++) {
      for (int i = 0; i < row; i++) {
        resized[y * row + i] =
            sum(narrowed, (down.first[y] - from) * row + i, row, down.weights[y]);
      }
    }
    return resized;
  }

  private static byte sum(byte[] pixels, int from, int step, int... weights) {
    int sum = HALF;
    int at = from;
    for (int weight : weights) {
      sum += (pixels[at] & 0xff) * weight;
      at += step;
    }
    return (byte) Math.clamp(sum >> PLACES, 0, 255);
  }

  /** For each target position the first source position, and the weights from there on. */
  private record Weights(int[] first, int[][] weights) {
    static Weights of(int source, int target, int from, int count) {
      int[] first = new int[count];
      int[][] weights = new int[count][];
      double scale = (double) source / target;
      double widening = Math.max(scale, 1);
      for (int i = 0; i < count; i++) {
        double center = (from + i + 0.5) * scale;
        first[i] = Math.max(0, (int) (center - REACH * widening + 0.5));
        int end = Math.min(source, (int) (center + REACH * widening + 0.5));
        double[] exact = new double[end - first[i]];
        double total = 0;
        for (int k = 0; k < exact.length; k++) {
          exact[k] = kernel((first[i] + k - center + 0.5) / widening);
          total += exact[k];
        }
        weights[i] = new int[exact.length];
        for (int k = 0; k < exact.length; k++) {
          double scaled = exact[k] / total * (1 << PLACES);
          weights[i][k] = (int) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        }
      }
      return new Weights(first, weights);
    }
  }

  private static double kernel(double at) {
    double x = Math.abs(at);
    if (x < 1) {
      return ((A + 2) * x - (A + 3)) * x * x + 1;
    }
    return x < REACH ? (((x - 5) * x + 8) * x - 4) * A : 0;
  }
}
