package org.halfstep.image;

import java.io.IOException;
import java.util.concurrent.Semaphore;

/**
 * The memory that pictures may take while they are decoded, all threads together: a few large
 * photographs are then read one after another instead of ending the program.
 */
final class DecodingMemory {
  /** Decodes a picture. */
  @FunctionalInterface
  interface Decoding<T> {
    T run() throws IOException;
  }

  /** What a decoder holds for a pixel at its worst: the picture and a copy on the way. */
  private static final int BYTES_PER_PIXEL = 8;

  private static final int UNIT = 1 << 20;

  /** Half of what Java may use, in units. */
  private static final int UNITS =
      Math.clamp(Runtime.getRuntime().maxMemory() / 2 / UNIT, 1, Integer.MAX_VALUE);

  private static final Semaphore FREE = new Semaphore(UNITS, true);

  private DecodingMemory() {}

  /** Bytes that a picture takes while it is decoded. */
  static long bytes(PictureHeader header) {
    long pixels = (long) header.width() * header.height();
    return pixels * (header.deep() ? 2 * BYTES_PER_PIXEL : BYTES_PER_PIXEL);
  }

  /** Decodes once there is room; a picture that needs more than there is has all of it. */
  static <T> T with(long bytes, Decoding<T> decoding) throws IOException {
    int units = (int) Math.min(UNITS, bytes / UNIT);
    FREE.acquireUninterruptibly(units);
    try {
      return decoding.run();
    } finally {
      FREE.release(units);
    }
  }
}
