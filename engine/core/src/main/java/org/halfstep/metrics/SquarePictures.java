package org.halfstep.metrics;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.image.ImageBatch;

/** The input of networks that take pictures of one size as they are: bytes to [-1, 1]. */
final class SquarePictures {
  private static final float BYTE_SCALE = 127.5f;

  private SquarePictures() {}

  /**
   * What writes pictures of this size.
   *
   * @param name of the network
   * @param side of the pictures that it takes
   * @throws IllegalArgumentException if it does not take them
   */
  static NetworkExtractor.Input input(String name, int side, int channels, ImageBatch images) {
    if (images.height() != side || images.width() != side || images.channels() != channels) {
      throw new IllegalArgumentException(
          "the "
              + name
              + " takes images of "
              + side
              + "x"
              + side
              + "x"
              + channels
              + ", got "
              + images.height()
              + "x"
              + images.width()
              + "x"
              + images.channels());
    }
    return SquarePictures::write;
  }

  private static void write(ImageBatch images, int index, MemorySegment memory, long byteOffset) {
    int values = images.height() * images.width() * images.channels();
    for (int i = 0; i < values; i++) {
      int value = images.pixels()[index * values + i] & 0xff;
      memory.set(
          ValueLayout.JAVA_FLOAT, byteOffset + (long) i * Float.BYTES, value / BYTE_SCALE - 1);
    }
  }
}
