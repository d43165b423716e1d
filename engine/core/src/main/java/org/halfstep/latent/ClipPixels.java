package org.halfstep.latent;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.checkpoint.ClipPictures;
import org.halfstep.image.BicubicResize;
import org.halfstep.image.ImageBatch;

/**
 * Brings 8-bit images to what CLIP's image encoder reads ({@link ClipPictures}). Grey becomes R = G
 * = B. Sizes and the middle are rounded as transformers' CLIPImageProcessor does.
 */
final class ClipPixels {
  private static final int COLOURS = 3;

  private ClipPixels() {}

  /**
   * Writes one image.
   *
   * @param pictures how
   * @param byteOffset of the first of {@code side * side * 3} float32
   */
  static void write(
      ImageBatch images,
      int index,
      ClipPictures pictures,
      MemorySegment destination,
      long byteOffset) {
    int side = pictures.side();
    int channels = images.channels();
    int size = images.height() * images.width() * channels;
    byte[] image = new byte[size];
    System.arraycopy(images.pixels(), index * size, image, 0, size);
    int shorter = Math.min(images.height(), images.width());
    int height = Math.toIntExact((long) pictures.shorter() * images.height() / shorter);
    int width = Math.toIntExact((long) pictures.shorter() * images.width() / shorter);
    BicubicResize.Part middle =
        new BicubicResize.Part((height - side) / 2, (width - side) / 2, side, side);
    byte[] resized =
        BicubicResize.resize(
            image, images.height(), images.width(), channels, height, width, middle);
    float[] mean = floats(pictures.mean());
    float[] deviation = floats(pictures.deviation());
    long at = byteOffset;
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        int pixel = (y * side + x) * channels;
        for (int c = 0; c < COLOURS; c++) {
          int value = resized[pixel + (channels == 1 ? 0 : c)] & 0xff;
          destination.set(
              ValueLayout.JAVA_FLOAT_UNALIGNED, at, (value / 255f - mean[c]) / deviation[c]);
          at += Float.BYTES;
        }
      }
    }
  }

  private static float[] floats(List<Double> colours) {
    float[] numbers = new float[COLOURS];
    for (int c = 0; c < COLOURS; c++) {
      numbers[c] = colours.get(c).floatValue();
    }
    return numbers;
  }
}
