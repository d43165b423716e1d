package org.halfstep.image;

import java.util.Arrays;

/**
 * Tells a decoder of JPEGs what libjpeg and every viewer know: a JFIF header means YCbCr whatever
 * an Adobe marker says, and so do three components of unusual numbers without any marker.
 */
final class ColourMarkers {
  /** APP14, whose place a comment takes. */
  private static final int ADOBE = 0xee;

  private static final int COMMENT = 0xfe;
  private static final int SCAN = 0xda;

  private static final byte[] JFIF = {
    (byte) 0xff, (byte) 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0
  };

  private ColourMarkers() {}

  /** The file as a decoder should see it; the same array where there is nothing to say. */
  static byte[] plain(byte[] file, PictureHeader.Colour colour) {
    return switch (colour) {
      case PLAIN -> file;
      case UNKNOWN_COMPONENTS -> withJfif(file);
      case JFIF_AND_ADOBE -> withoutAdobe(file);
    };
  }

  private static byte[] withJfif(byte[] file) {
    byte[] marked = new byte[file.length + JFIF.length];
    System.arraycopy(file, 0, marked, 0, 2);
    System.arraycopy(JFIF, 0, marked, 2, JFIF.length);
    System.arraycopy(file, 2, marked, 2 + JFIF.length, file.length - 2);
    return marked;
  }

  private static byte[] withoutAdobe(byte[] file) {
    byte[] marked = Arrays.copyOf(file, file.length);
    int at = 2;
    while (at + 3 < marked.length) {
      int marker = marked[at + 1] & 0xff;
      if (marked[at] != (byte) 0xff || marker == 0xff) {
        at++;
        continue;
      }
      if (marker == SCAN) {
        break;
      }
      if (marker == ADOBE) {
        marked[at + 1] = (byte) COMMENT;
      }
      at += 2 + ((marked[at + 2] & 0xff) << 8 | marked[at + 3] & 0xff);
    }
    return marked;
  }
}
