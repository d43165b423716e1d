package org.halfstep.latent;

import java.lang.foreign.MemorySegment;

/**
 * How large what a first stage reads and writes is, in numbers, and what it refuses.
 *
 * @param half of the first stage, either
 */
record FirstStageSizes(FirstStageHalf half) {
  /** Longest side of a latent: far beyond memory, and low enough that nothing overflows. */
  private static final int LARGEST = 1 << 14;

  /**
   * Pixels of a latent along one side of an image.
   *
   * @param pixels of the image, a multiple of the first stage's factor
   * @param side its name, for the error
   */
  int latentExtent(int pixels, String side) {
    int factor = half.factor();
    if (pixels < 1 || pixels % factor != 0) {
      throw new IllegalArgumentException(
          "the "
              + side
              + " of an image must be a multiple of "
              + factor
              + " pixels, got "
              + pixels
              + ": use "
              + Math.max(factor, Math.round((double) pixels / factor) * factor));
    }
    return pixels / factor;
  }

  /** Numbers of a latent of this many pixels. */
  long latent(int height, int width) {
    if (height < 1 || height > LARGEST || width < 1 || width > LARGEST) {
      throw new IllegalArgumentException(
          "a latent has from 1 to " + LARGEST + " pixels a side, got " + height + "x" + width);
    }
    return (long) height * width * half.latentChannels();
  }

  /** Numbers of what a latent of this many pixels is drawn from. */
  long moments(int height, int width) {
    return half.isGaussian() ? 2 * latent(height, width) : latent(height, width);
  }

  /** Numbers of the image of a latent of this many pixels. */
  long image(int height, int width) {
    return (long) height * half.factor() * width * half.factor() * half.imageChannels();
  }

  /**
   * Compares memory with what it must hold.
   *
   * @param what is in it, in the plural, for the error
   * @param numbers of each, float32
   */
  static void require(String what, int count, long numbers, MemorySegment memory) {
    if (count < 0 || memory.byteSize() / Float.BYTES / Math.max(1, count) < numbers) {
      throw new IllegalArgumentException(
          count
              + " "
              + what
              + " of "
              + numbers
              + " float32 do not fit "
              + memory.byteSize()
              + " bytes");
    }
  }
}
