package org.halfstep.files;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/** Small text files in UTF-8, with or without a byte order mark. */
public final class TextFile {
  private static final long MAXIMUM_BYTES = 1 << 24;
  private static final byte[] MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  private TextFile() {}

  /**
   * All lines, without what ends them.
   *
   * @throws DataException naming file and line when it is not UTF-8, or too large to be such a text
   */
  public static List<String> lines(Path path) throws IOException {
    return read(path).lines().toList();
  }

  /** The lines of a larger text, a table say; as {@link #lines(Path)}. */
  public static List<String> lines(Path path, long mostBytes) throws IOException {
    return decode(path, bytes(path, mostBytes, "a text file")).lines().toList();
  }

  /** The whole text; as {@link #lines(Path)}. */
  public static String read(Path path) throws IOException {
    return decode(path, bytes(path, MAXIMUM_BYTES, "a text file"));
  }

  /**
   * The text of a gzip file; as {@link #read}, the limit being that of the text.
   *
   * @throws DataException also when it is damaged
   */
  public static String unpacked(Path path) throws IOException {
    InputFile.require(path, "a gzip file", "");
    byte[] bytes;
    try (InputStream in = new GZIPInputStream(Files.newInputStream(path))) {
      bytes = in.readNBytes((int) MAXIMUM_BYTES + 1);
    } catch (EOFException | ZipException damaged) {
      throw new DataException(path, "is damaged, or not a gzip file: " + damaged.getMessage());
    }
    if (bytes.length > MAXIMUM_BYTES) {
      throw new DataException(
          path, "unpacks to more than " + MAXIMUM_BYTES + " bytes; expected a text file");
    }
    return decode(path, bytes);
  }

  /**
   * All bytes of a file that should be small.
   *
   * @throws DataException when it is not
   */
  static byte[] bytes(Path path, long most, String expected) throws IOException {
    InputFile.require(path, expected, "");
    long size = Files.size(path);
    if (size > most) {
      throw new DataException(
          path, "has " + size + " bytes; expected " + expected + " of at most " + most);
    }
    return Files.readAllBytes(path);
  }

  private static String decode(Path path, byte[] bytes) throws DataException {
    if (begins(bytes, 0xff, 0xfe) || begins(bytes, 0xfe, 0xff)) {
      throw new DataException(path, "line 1: is UTF-16, expected UTF-8: save it as UTF-8");
    }
    int start = begins(bytes, 0xef, 0xbb, 0xbf) ? MARK.length : 0;
    ByteBuffer input = ByteBuffer.wrap(bytes, start, bytes.length - start);
    CharBuffer text = CharBuffer.allocate(bytes.length - start);
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    CoderResult result = decoder.decode(input, text, true);
    if (result.isError()) {
      int line = 1;
      for (int i = start; i < input.position(); i++) {
        line += bytes[i] == '\n' ? 1 : 0;
      }
      throw new DataException(
          path,
          "line "
              + line
              + ": is not UTF-8 (byte "
              + String.format(Locale.ROOT, "0x%02x", bytes[input.position()])
              + " at "
              + input.position()
              + "): save it as UTF-8");
    }
    return text.flip().toString();
  }

  private static boolean begins(byte[] bytes, int... start) {
    for (int i = 0; i < start.length; i++) {
      if (i >= bytes.length || (bytes[i] & 0xff) != start[i]) {
        return false;
      }
    }
    return true;
  }
}
