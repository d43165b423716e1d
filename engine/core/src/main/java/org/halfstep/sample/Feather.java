package org.halfstep.sample;

/**
 * A mask with soft edges: each weight becomes the mean of those around it, first along rows, then
 * along columns; beyond the border the mask goes on as it ends.
 *
 * @param weights 0 to 1, row by row
 * @param height rows
 * @param width columns
 */
record Feather(float[] weights, int height, int width) {
  /** The weights, blurred over this many pixels to each side. */
  float[] over(int radius) {
    float[] rows = new float[weights.length];
    blur(weights, rows, height, width, width, 1, radius);
    float[] both = new float[weights.length];
    blur(rows, both, width, height, 1, width, radius);
    return both;
  }

  private static void blur(
      float[] from, float[] to, int lines, int length, int lineStride, int stride, int radius) {
    for (int line = 0; line < lines; line++) {
      int start = line * lineStride;
      double sum = 0;
      for (int i = -radius; i <= radius; i++) {
        sum += from[start + stride * Math.clamp(i, 0, length - 1)];
      }
      for (int i = 0; i < length; i++) {
        to[start + stride * i] = (float) (sum / (2 * radius + 1));
        sum += from[start + stride * Math.clamp(i + radius + 1L, 0, length - 1)];
        sum -= from[start + stride * Math.clamp(i - radius, 0, length - 1)];
      }
    }
  }
}
