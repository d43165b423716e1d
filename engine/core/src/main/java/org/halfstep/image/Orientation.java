package org.halfstep.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How a picture is to be turned before it is looked at: the eight values of EXIF's tag 0x0112. A
 * telephone stores upright pictures lying, and this beside them.
 *
 * @param tag 1 to 8; 1 for a picture that lies as it is looked at
 */
record Orientation(int tag) {
  static final Orientation UPRIGHT = new Orientation(1);

  private static final int LAST = 8;
  private static final int TAG = 0x0112;
  private static final int TYPE_SHORT = 3;
  private static final int ENTRY_BYTES = 12;
  private static final int HEADER_BYTES = 8;
  private static final int MAGIC = 42;

  /**
   * What a block of EXIF says; upright when it says nothing that can be understood.
   *
   * @param tiff from the byte order on
   */
  static Orientation of(ByteBuffer tiff) {
    if (tiff.remaining() < HEADER_BYTES) {
      return UPRIGHT;
    }
    ByteBuffer data = tiff.slice();
    switch (data.getShort(0)) {
      case 0x4949 -> data.order(ByteOrder.LITTLE_ENDIAN);
      case 0x4d4d -> data.order(ByteOrder.BIG_ENDIAN);
      default -> {
        return UPRIGHT;
      }
    }
    long directory = Integer.toUnsignedLong(data.getInt(4));
    if (data.getShort(2) != MAGIC || directory > data.limit() - Short.BYTES) {
      return UPRIGHT;
    }
    int entries = Short.toUnsignedInt(data.getShort((int) directory));
    for (int i = 0; i < entries; i++) {
      long at = directory + Short.BYTES + (long) ENTRY_BYTES * i;
      if (at > data.limit() - ENTRY_BYTES) {
        break;
      }
      if (Short.toUnsignedInt(data.getShort((int) at)) == TAG
          && data.getShort((int) at + 2) == TYPE_SHORT) {
        int value = data.getShort((int) at + 8);
        return value >= 1 && value <= LAST ? new Orientation(value) : UPRIGHT;
      }
    }
    return UPRIGHT;
  }

  boolean isUpright() {
    return tag == 1;
  }

  /** Whether rows become columns. */
  boolean isTransposed() {
    return tag >= 5;
  }

  /**
   * A picture as it is looked at.
   *
   * @param stored HWC
   */
  float[] apply(float[] stored, int height, int width, int channels) {
    if (isUpright()) {
      return stored;
    }
    float[] turned = new float[stored.length];
    int columns = isTransposed() ? height : width;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int row = isTransposed() ? x : y;
        int column = isTransposed() ? y : x;
        // In the stored picture's terms; the tag counts through the symmetries of a rectangle.
        boolean mirrored = tag == 2 || tag == 3 || tag == 6 || tag == 7;
        boolean upsideDown = tag == 3 || tag == 4 || tag == 7 || tag == 8;
        int rows = isTransposed() ? width : height;
        row = upsideDown ? rows - 1 - row : row;
        column = mirrored ? columns - 1 - column : column;
        System.arraycopy(
            stored,
            (y * width + x) * channels,
            turned,
            (row * columns + column) * channels,
            channels);
      }
    }
    return turned;
  }
}
