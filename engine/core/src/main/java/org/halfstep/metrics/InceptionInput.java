package org.halfstep.metrics;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.InceptionConfig;

/**
 * Brings 8-bit images of one size to Inception's input: bilinear to 299 x 299 with half-pixel
 * centres, edges repeated and no smoothing before shrinking, then 2 x / 255 - 1. Grey becomes R = G
 * = B. Not for use by several threads at once.
 */
public final class InceptionInput {
  private static final int SIDE = InceptionConfig.SIDE;
  private static final int COLOURS = 3;

  private final int height;
  private final int width;
  private final int channels;
  private final int[] rows = new int[SIDE];
  private final int[] columns = new int[SIDE];
  private final float[] rowShares = new float[SIDE];
  private final float[] columnShares = new float[SIDE];

  /** The image with its columns resized, in network range. */
  private final float[] widened;

  private final float[] row = new float[SIDE * COLOURS];

  /**
   * For images of one size.
   *
   * @param channels 1 for greyscale, 3 for RGB
   */
  public InceptionInput(int height, int width, int channels) {
    this.height = height;
    this.width = width;
    this.channels = channels;
    positions(height, rows, rowShares);
    positions(width, columns, columnShares);
    widened = new float[Math.multiplyExact(height, SIDE * COLOURS)];
  }

  boolean fits(ImageBatch images) {
    return images.height() == height && images.width() == width && images.channels() == channels;
  }

  /** The pixel before each position, and the share of the one after it. */
  private static void positions(int extent, int[] before, float[] shares) {
    for (int i = 0; i < SIDE; i++) {
      double position = Math.clamp((i + 0.5) * extent / SIDE - 0.5, 0, extent - 1);
      before[i] = Math.min((int) position, Math.max(extent - 2, 0));
      shares[i] = (float) (position - before[i]);
    }
  }

  /**
   * Writes one image.
   *
   * @param byteOffset offset of the first of 299 x 299 x 3 float32
   */
  public void write(ImageBatch images, int image, MemorySegment destination, long byteOffset) {
    byte[] pixels = images.pixels();
    int next = width > 1 ? channels : 0;
    int green = channels == 1 ? 0 : 1;
    int blue = channels == 1 ? 0 : 2;
    for (int y = 0; y < height; y++) {
      int source = (image * height + y) * width * channels;
      int target = y * SIDE * COLOURS;
      for (int x = 0; x < SIDE; x++) {
        int pixel = source + columns[x] * channels;
        float share = columnShares[x];
        widened[target++] = between(pixels[pixel], pixels[pixel + next], share);
        widened[target++] = between(pixels[pixel + green], pixels[pixel + next + green], share);
        widened[target++] = between(pixels[pixel + blue], pixels[pixel + next + blue], share);
      }
    }
    for (int y = 0; y < SIDE; y++) {
      int above = rows[y] * row.length;
      int below = above + (height > 1 ? row.length : 0);
      float share = rowShares[y];
      for (int i = 0; i < row.length; i++) {
        float first = widened[above + i];
        row[i] = (first + share * (widened[below + i] - first)) * (2 / 255f) - 1;
      }
      long offset = byteOffset + (long) y * row.length * Float.BYTES;
      MemorySegment.copy(row, 0, destination, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, row.length);
    }
  }

  private static float between(byte first, byte second, float share) {
    float value = first & 0xff;
    return value + share * ((second & 0xff) - value);
  }
}
