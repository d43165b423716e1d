package org.halfstep.latent;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.image.BicubicResize;
import org.halfstep.image.ImageBatch;

/**
 * Brings 8-bit images to what CLIP's image encoder reads: the shorter side bicubic to that of the
 * network, the middle square, and each colour less its mean over CLIP's training data, divided by
 * its deviation. Grey becomes R = G = B. Source: specification 4.4; sizes and the middle are
 * rounded as transformers' CLIPImageProcessor does.
 */
final class ClipPixels {
  private static final int COLOURS = 3;
  private static final float[] MEAN = {0.48145466f, 0.4578275f, 0.40821073f};
  private static final float[] DEVIATION = {0.26862954f, 0.26130258f, 0.27577711f};

  private ClipPixels() {}

  /**
   * Writes one image.
   *
   * @param side of the network's images
   * @param byteOffset of the first of {@code side * side * 3} float32
   */
  static void write(
      ImageBatch images, int index, int side, MemorySegment destination, long byteOffset) {
    int channels = images.channels();
    int size = images.height() * images.width() * channels;
    byte[] image = new byte[size];
    System.arraycopy(images.pixels(), index * size, image, 0, size);
    int shorter = Math.min(images.height(), images.width());
    int height = Math.toIntExact((long) side * images.height() / shorter);
    int width = Math.toIntExact((long) side * images.width() / shorter);
    BicubicResize.Part middle =
        new BicubicResize.Part((height - side) / 2, (width - side) / 2, side, side);
    byte[] resized =
        BicubicResize.resize(
            image, images.height(), images.width(), channels, height, width, middle);
    long at = byteOffset;
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        int pixel = (y * side + x) * channels;
        for (int c = 0; c < COLOURS; c++) {
          int value = resized[pixel + (channels == 1 ? 0 : c)] & 0xff;
          destination.set(
              ValueLayout.JAVA_FLOAT_UNALIGNED, at, (value / 255f - MEAN[c]) / DEVIATION[c]);
          at += Float.BYTES;
        }
      }
    }
  }
}
