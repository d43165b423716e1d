package org.halfstep.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.halfstep.files.DataException;
import org.halfstep.files.InputFile;

/**
 * Decodes one PNG or JPEG file to plain sRGB or grey values from 0 to 255, turned as it is to be
 * looked at. What a decoder only warns of and what it overlooks is refused: a picture that is read
 * is the one that was stored.
 */
public final class ImageFile {
  /**
   * Larger pictures are refused before they are decoded: the memory would be out of proportion to
   * the file.
   */
  static final long MAXIMUM_PIXELS = 1 << 26;

  /** Longer sides than any format of photographs has. */
  static final int MAXIMUM_SIDE = 1 << 16;

  private static final long MAXIMUM_FILE_BYTES = 1 << 28;

  /** A JPEG spends a bit on each block of 8x8 at least; twice what follows. */
  private static final long JPEG_PIXELS_PER_BYTE = 2 * 8 * 64;

  /** Deflate makes 1032 of a byte at most, and a byte is eight pixels of one bit at most. */
  private static final long PNG_PIXELS_PER_BYTE = 8 * 1032;

  private static final int MARKER = 0xff;
  private static final int JPEG_END = 0xd9;
  private static final int JPEG_FIRST_SEGMENT = 0xc0;
  private static final int JPEG_FIRST_RESTART = 0xd0;
  private static final int JPEG_LAST_RESTART = 0xd7;
  private static final int PNG_START_BYTES = 8;
  private static final int PNG_PART_BYTES = 12;

  /** Decoded values from 0 to 255, HWC. */
  public record Pixels(int height, int width, int channels, float[] values) {}

  /**
   * A picture in another size.
   *
   * @param values from 0 to 255, HWC; may overshoot a little
   * @param turned whether it was stored lying
   * @param reshaped whether its shape was another one than what was wanted
   */
  public record Resized(float[] values, boolean turned, boolean reshaped) {}

  private ImageFile() {}

  /** Whether a picture has no colours, by its file's header. */
  public static boolean isGrey(Path path) throws IOException {
    return PictureHeader.read(path).grey();
  }

  /**
   * Decodes a file.
   *
   * @param channels 1 (luma of Rec. 601), 3, or 0 for what the file has; transparent parts become
   *     white
   * @throws DataException when the file is truncated, damaged, or neither PNG nor JPEG
   */
  public static Pixels read(Path path, int channels) throws IOException {
    byte[] file = bytes(path);
    PictureHeader header = header(path, file);
    int wanted = channels == 0 ? header.grey() ? 1 : 3 : channels;
    return decoded(
        path,
        header,
        () -> {
          DecodedImage image = decode(path, file, header, wanted);
          int rowValues = image.width() * wanted;
          float[] values = new float[Math.multiplyExact(image.height(), rowValues)];
          float[] row = new float[rowValues];
          for (int y = 0; y < image.height(); y++) {
            image.read(y, row);
            System.arraycopy(row, 0, values, y * rowValues, rowValues);
          }
          Orientation orientation = header.orientation();
          boolean transposed = orientation.isTransposed();
          return new Pixels(
              transposed ? image.width() : image.height(),
              transposed ? image.height() : image.width(),
              wanted,
              orientation.apply(values, image.height(), image.width(), wanted));
        });
  }

  /**
   * Decodes a file and brings it to a size by a Lanczos filter, without all of its values in memory
   * at once.
   *
   * @param channels 1 or 3, as for {@link #read}
   * @throws DataException when the file is truncated, damaged, or neither PNG nor JPEG
   */
  public static Resized read(Path path, int channels, int height, int width, Fit fit)
      throws IOException {
    byte[] file = bytes(path);
    PictureHeader header = header(path, file);
    return decoded(
        path,
        header,
        () -> resized(decode(path, file, header, channels), header, height, width, fit));
  }

  private static Resized resized(
      DecodedImage image, PictureHeader header, int height, int width, Fit fit) {
    Orientation orientation = header.orientation();
    boolean transposed = orientation.isTransposed();
    long upHeight = transposed ? image.width() : image.height();
    long upWidth = transposed ? image.height() : image.width();
    boolean reshaped = upHeight * width != upWidth * height;
    int innerHeight = height;
    int innerWidth = width;
    if (fit == Fit.PAD) {
      double scale = Math.min((double) height / upHeight, (double) width / upWidth);
      innerHeight = Math.clamp(Math.round(upHeight * scale), 1, height);
      innerWidth = Math.clamp(Math.round(upWidth * scale), 1, width);
    }
    int storedHeight = transposed ? innerWidth : innerHeight;
    int storedWidth = transposed ? innerHeight : innerWidth;
    float[] inner =
        orientation.apply(
            Resampling.resize(image, fit == Fit.CROP, storedHeight, storedWidth),
            storedHeight,
            storedWidth,
            image.channels());
    return new Resized(
        padded(inner, innerHeight, innerWidth, image.channels(), height, width),
        !orientation.isUpright(),
        reshaped);
  }

  /** In the middle of black. */
  private static float[] padded(
      float[] inner, int innerHeight, int innerWidth, int channels, int height, int width) {
    if (innerHeight == height && innerWidth == width) {
      return inner;
    }
    float[] values = new float[height * width * channels];
    int top = (height - innerHeight) / 2;
    int left = (width - innerWidth) / 2;
    int row = innerWidth * channels;
    for (int y = 0; y < innerHeight; y++) {
      System.arraycopy(inner, y * row, values, ((top + y) * width + left) * channels, row);
    }
    return values;
  }

  static byte[] bytes(Path path) throws IOException {
    InputFile.require(path, "a PNG or JPEG file", "");
    if (Files.size(path) > MAXIMUM_FILE_BYTES) {
      throw new DataException(
          path,
          "expected at most "
              + MAXIMUM_FILE_BYTES
              + " bytes of one image, found "
              + Files.size(path));
    }
    return Files.readAllBytes(path);
  }

  private static PictureHeader header(Path path, byte[] file) throws DataException {
    PictureHeader header = PictureHeader.of(path, file);
    long pixels = (long) header.height() * header.width();
    if (pixels > MAXIMUM_PIXELS || Math.max(header.height(), header.width()) > MAXIMUM_SIDE) {
      throw new DataException(
          path,
          "expected at most "
              + MAXIMUM_PIXELS
              + " pixels and sides up to "
              + MAXIMUM_SIDE
              + ", found "
              + header.width()
              + "x"
              + header.height());
    }
    long most = (header.jpeg() ? JPEG_PIXELS_PER_BYTE : PNG_PIXELS_PER_BYTE) * file.length;
    if (pixels > most) {
      throw new DataException(
          path,
          header.width()
              + "x"
              + header.height()
              + " pixels cannot be in "
              + file.length
              + " bytes: the file is truncated or damaged");
    }
    requireWhole(path, file, header);
    return header;
  }

  private static <T> T decoded(Path path, PictureHeader header, DecodingMemory.Decoding<T> decoding)
      throws IOException {
    long bytes = DecodingMemory.bytes(header);
    try {
      return DecodingMemory.with(bytes, decoding);
    } catch (OutOfMemoryError full) {
      throw new DataException(
          path,
          String.format(
              Locale.ROOT,
              "%dx%d pixels need about %d MiB, more than is free of the %d MiB that Java may use;"
                  + " give it more: HALFSTEP_JVM=-Xmx8g",
              header.width(),
              header.height(),
              bytes >> 20,
              Runtime.getRuntime().maxMemory() >> 20),
          full);
    }
  }

  private static DecodedImage decode(Path path, byte[] file, PictureHeader header, int channels)
      throws IOException {
    byte[] plain = ColourMarkers.plain(file, header.colour());
    try (var input = new MemoryCacheImageInputStream(new ByteArrayInputStream(plain))) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(input);
      if (!readers.hasNext()) {
        throw new DataException(path, 0, "expected a PNG or JPEG file, found neither");
      }
      ImageReader reader = readers.next();
      try {
        reader.setInput(input, true, true);
        String[] damage = {null};
        reader.addIIOReadWarningListener(
            (_, warning) ->
                damage[0] = damage[0] == null && isDamage(warning) ? warning : damage[0]);
        BufferedImage image = reader.read(0);
        if (image.getWidth() != header.width() || image.getHeight() != header.height()) {
          throw new IOException("it has another size than its header says");
        }
        if (damage[0] != null) {
          throw new IOException(damage[0]);
        }
        return new DecodedImage(image, channels, header.grey());
      } catch (IOException | RuntimeException damaged) {
        // Decoders answer damage with exceptions of every kind.
        throw new DataException(
            path,
            "byte " + Math.min(file.length, input.getStreamPosition()),
            "the image is truncated or damaged (" + reason(damaged) + ")",
            damaged);
      } finally {
        reader.dispose();
      }
    }
  }

  /** Whether libjpeg's warning means that pixels are not what was stored. */
  private static boolean isDamage(String warning) {
    return warning.startsWith("Corrupt JPEG data") && !warning.contains("extraneous")
        || warning.startsWith("Premature end")
        || warning.startsWith("Inconsistent progression");
  }

  private static String reason(Exception damaged) {
    String message = damaged.getMessage();
    return message == null
        ? damaged.getClass().getSimpleName()
        : message.lines().findFirst().orElse("").strip();
  }

  // Decoders fill what is missing at the end of a picture with grey and say nothing: the end is
  // looked for here.
  private static void requireWhole(Path path, byte[] file, PictureHeader header)
      throws DataException {
    if (!header.jpeg()) {
      requirePngEnd(path, ByteBuffer.wrap(file));
    } else if (!hasJpegEnd(file)) {
      throw new DataException(path, file.length, "the file ends, expected the JPEG end marker");
    }
  }

  private static void requirePngEnd(Path path, ByteBuffer file) throws DataException {
    int at = PNG_START_BYTES;
    while (true) {
      if (file.limit() - at < PNG_PART_BYTES) {
        throw new DataException(path, file.limit(), "the file ends, expected the PNG end chunk");
      }
      long length = Integer.toUnsignedLong(file.getInt(at));
      String name = new String(file.array(), at + 4, 4, StandardCharsets.ISO_8859_1);
      if (length > file.limit() - at - PNG_PART_BYTES) {
        throw new DataException(path, file.limit(), "the file ends inside the PNG's part " + name);
      }
      PictureHeader.requireChecksum(path, file, at, (int) length, name);
      if (name.equals("IEND")) {
        return;
      }
      at += PNG_PART_BYTES + (int) length;
    }
  }

  // Walks the segments, because a thumbnail inside one of them has an end marker of its own.
  private static boolean hasJpegEnd(byte[] file) {
    int at = 2;
    while (at + 1 < file.length) {
      int marker = file[at + 1] & 0xff;
      boolean isSegment =
          (file[at] & 0xff) == MARKER
              && marker >= JPEG_FIRST_SEGMENT
              && marker != MARKER
              && (marker < JPEG_FIRST_RESTART || marker > JPEG_LAST_RESTART);
      if (!isSegment) {
        at++; // coded data, where 0xff is followed by 0 or a restart number, or fill bytes
      } else if (marker == JPEG_END) {
        return true;
      } else {
        int length =
            at + 3 < file.length ? (file[at + 2] & 0xff) << 8 | file[at + 3] & 0xff : file.length;
        at += 2 + length;
      }
    }
    return false;
  }
}
