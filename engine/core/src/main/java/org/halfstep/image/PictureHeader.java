package org.halfstep.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import org.halfstep.files.DataException;

/**
 * What a PNG or JPEG file says of its picture before its pixels, read by us: decoders differ in
 * what they make of it, and in what they overlook.
 *
 * @param jpeg whether it is a JPEG, not a PNG
 * @param width as stored
 * @param height as stored
 * @param grey whether it has no colours: grey samples, or a palette of greys
 * @param deep whether samples have 16 bits
 * @param orientation how to turn it
 * @param colour of a JPEG of three components: how it is stored
 */
record PictureHeader(
    boolean jpeg,
    int width,
    int height,
    boolean grey,
    boolean deep,
    Orientation orientation,
    Colour colour) {
  /** What tells how the three components of a JPEG are meant. */
  enum Colour {
    /** As decoders agree on. */
    PLAIN,
    /** A JFIF header, which means YCbCr, and an Adobe marker that says otherwise. */
    JFIF_AND_ADOBE,
    /** Nothing but components of unusual numbers: YCbCr. */
    UNKNOWN_COMPONENTS
  }

  private static final int PREFIX_BYTES = 1 << 16;
  private static final byte[] PNG = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0, 0};
  private static final byte[] JFIF = {'J', 'F', 'I', 'F', 0};
  private static final byte[] ADOBE = {'A', 'd', 'o', 'b', 'e'};

  /**
   * Reads the beginning of a file, as much as is needed.
   *
   * @throws DataException when it is neither PNG nor JPEG, or damaged there
   */
  static PictureHeader read(Path file) throws IOException {
    byte[] prefix;
    try (InputStream input = Files.newInputStream(file)) {
      prefix = input.readNBytes(PREFIX_BYTES);
    }
    try {
      return of(file, prefix);
    } catch (DataException cutShort) {
      if (prefix.length < PREFIX_BYTES) {
        throw cutShort;
      }
      return of(file, ImageFile.bytes(file));
    }
  }

  /** The same of a file that is in memory. */
  static PictureHeader of(Path file, byte[] bytes) throws DataException {
    if (begins(bytes, 0, PNG)) {
      return png(file, ByteBuffer.wrap(bytes));
    }
    if (bytes.length >= 2 && bytes[0] == (byte) 0xff && bytes[1] == (byte) 0xd8) {
      return jpeg(file, ByteBuffer.wrap(bytes));
    }
    throw new DataException(file, 0, "expected a PNG or JPEG file, found neither");
  }

  private static boolean begins(byte[] bytes, int at, byte[] start) {
    for (int i = 0; i < start.length; i++) {
      if (at + i >= bytes.length || bytes[at + i] != start[i]) {
        return false;
      }
    }
    return true;
  }

  private static PictureHeader png(Path file, ByteBuffer bytes) throws DataException {
    int at = PNG.length;
    int width = 0;
    int height = 0;
    int depth = 0;
    int type = -1;
    boolean greys = false;
    Orientation orientation = Orientation.UPRIGHT;
    while (true) {
      if (bytes.limit() - at < 12) {
        throw new DataException(file, bytes.limit(), "the file ends before the PNG's pixels");
      }
      long length = Integer.toUnsignedLong(bytes.getInt(at));
      String name = new String(bytes.array(), at + 4, 4, StandardCharsets.ISO_8859_1);
      if (name.equals("IDAT") || name.equals("IEND")) {
        break;
      }
      if (length > bytes.limit() - at - 12) {
        throw new DataException(file, at, "the file ends inside the PNG's part " + name);
      }
      requireChecksum(file, bytes, at, (int) length, name);
      int data = at + 8;
      switch (name) {
        case "IHDR" -> {
          if (length != 13 || at != PNG.length) {
            throw new DataException(file, at, "the PNG's header has another size or place");
          }
          width = bytes.getInt(data);
          height = bytes.getInt(data + 4);
          depth = bytes.get(data + 8);
          type = bytes.get(data + 9);
        }
        case "PLTE" -> greys = isGrey(bytes, data, (int) length);
        case "eXIf" -> orientation = Orientation.of(bytes.slice(data, (int) length));
        default -> {}
      }
      at += 12 + (int) length;
    }
    if (type < 0 || width < 1 || height < 1) {
      throw new DataException(file, PNG.length, "expected the PNG's header with two sides from 1");
    }
    boolean grey = type == 0 || type == 4 || type == 3 && greys;
    return new PictureHeader(false, width, height, grey, depth == 16, orientation, Colour.PLAIN);
  }

  /** Fails when a part that pixels depend on is not what was written. */
  static void requireChecksum(Path file, ByteBuffer bytes, int at, int length, String name)
      throws DataException {
    boolean critical = Character.isUpperCase(name.charAt(0)) || name.equals("tRNS");
    if (critical) {
      CRC32 checksum = new CRC32();
      checksum.update(bytes.array(), at + 4, 4 + length);
      if ((int) checksum.getValue() != bytes.getInt(at + 8 + length)) {
        throw new DataException(file, at, "the PNG's part " + name + " is damaged: wrong checksum");
      }
    }
  }

  private static boolean isGrey(ByteBuffer palette, int at, int length) {
    for (int i = at; i + 2 < at + length; i += 3) {
      if (palette.get(i) != palette.get(i + 1) || palette.get(i) != palette.get(i + 2)) {
        return false;
      }
    }
    return true;
  }

  private static PictureHeader jpeg(Path file, ByteBuffer bytes) throws DataException {
    boolean jfif = false;
    int adobe = -1;
    Orientation orientation = Orientation.UPRIGHT;
    int at = 2;
    while (bytes.limit() - at >= 4) {
      int marker = bytes.get(at + 1) & 0xff;
      if (bytes.get(at) != (byte) 0xff || marker == 0xff) {
        at++; // fill bytes, which a decoder passes over too
        continue;
      }
      if (marker == 0x01 || marker >= 0xd0 && marker <= 0xd8) {
        at += 2;
        continue;
      }
      if (marker == 0xd9 || marker == 0xda) {
        break;
      }
      int length = Short.toUnsignedInt(bytes.getShort(at + 2));
      int data = at + 4;
      if (length < 2 || length > bytes.limit() - at - 2) {
        break;
      }
      int end = at + 2 + length;
      if (marker == 0xe0 && begins(bytes.array(), data, JFIF)) {
        jfif = true;
      } else if (marker == 0xe1 && begins(bytes.array(), data, EXIF) && length > 8) {
        orientation = Orientation.of(bytes.slice(data + EXIF.length, end - data - EXIF.length));
      } else if (marker == 0xee && begins(bytes.array(), data, ADOBE) && length >= 14) {
        adobe = bytes.get(data + 11) & 0xff;
      } else if (marker >= 0xc0 && marker <= 0xcf && marker % 4 != 0 || marker == 0xc0) {
        if (length < 8 || length < 8 + 3 * (bytes.get(data + 5) & 0xff)) {
          break;
        }
        int height = Short.toUnsignedInt(bytes.getShort(data + 1));
        int width = Short.toUnsignedInt(bytes.getShort(data + 3));
        int components = bytes.get(data + 5) & 0xff;
        if (height < 1 || width < 1) {
          throw new DataException(file, at, "expected two sides from 1, found a JPEG without");
        }
        Colour colour = components == 3 ? colour(bytes, data, jfif, adobe) : Colour.PLAIN;
        return new PictureHeader(true, width, height, components == 1, false, orientation, colour);
      }
      at = end;
    }
    throw new DataException(file, at, "the file ends before the JPEG's size");
  }

  private static Colour colour(ByteBuffer bytes, int frame, boolean jfif, int adobe) {
    if (jfif) {
      return adobe == 0 ? Colour.JFIF_AND_ADOBE : Colour.PLAIN;
    }
    if (adobe >= 0) {
      return Colour.PLAIN;
    }
    String ids = "";
    for (int i = 0; i < 3; i++) {
      ids += (char) (bytes.get(frame + 6 + 3 * i) & 0xff);
    }
    return ids.equals("\1\2\3") || ids.equals("RGB") ? Colour.PLAIN : Colour.UNKNOWN_COMPONENTS;
  }
}
