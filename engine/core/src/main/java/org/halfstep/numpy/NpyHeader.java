package org.halfstep.numpy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.files.DataException;

/**
 * The head of an array in NumPy's format (NEP 1), versions 1 to 3: magic, version, length, and a
 * Python dictionary of three entries. Only that dictionary is understood, no other Python: an array
 * of objects, which would be a pickle, is refused.
 *
 * @param type type of the numbers
 * @param order their byte order
 * @param fortranOrder whether the first index runs fastest
 * @param shape extents, outermost first
 * @param length bytes of the header itself
 */
public record NpyHeader(
    NpyType type, ByteOrder order, boolean fortranOrder, long[] shape, int length) {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int ALIGNMENT = 64;

  /** NumPy's own limit for files it does not trust. */
  private static final int MAXIMUM_TEXT = 10_000;

  private static final int MAXIMUM_RANK = 8;
  private static final int MAXIMUM_DIGITS = 18;

  private static final Pattern ENTRY =
      Pattern.compile(
          "\\s*(['\"])(?<key>descr|fortran_order|shape)\\1\\s*:\\s*"
              + "(?<value>(['\"])[^'\"]{1,16}\\4|True|False|\\([0-9,\\s]*\\))\\s*(?:,|(?=\\}))");

  /**
   * Reads a header.
   *
   * @param where what to call the array in an error
   * @throws DataException if it is malformed, or of a type that is not read here
   */
  public static NpyHeader read(InputStream input, Path file, String where) throws IOException {
    byte[] start = input.readNBytes(MAGIC.length + 2);
    if (start.length < MAGIC.length + 2
        || !Arrays.equals(start, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
      throw new DataException(
          file, where + "is not a NumPy array (it does not begin with \\x93NUMPY)");
    }
    int version = start[MAGIC.length];
    if (version < 1 || version > 3) {
      throw new DataException(
          file, where + "has version " + version + " of NumPy's format; expected 1 to 3");
    }
    int lengthBytes = version == 1 ? Short.BYTES : Integer.BYTES;
    byte[] lengthField = input.readNBytes(lengthBytes);
    if (lengthField.length < lengthBytes) {
      throw new DataException(file, where + "ends inside its header");
    }
    ByteBuffer field = ByteBuffer.wrap(lengthField).order(ByteOrder.LITTLE_ENDIAN);
    long length = version == 1 ? field.getShort() & 0xffff : field.getInt() & 0xffffffffL;
    if (length > MAXIMUM_TEXT) {
      throw new DataException(
          file, where + "has a header of " + length + " bytes; expected at most " + MAXIMUM_TEXT);
    }
    byte[] text = input.readNBytes((int) length);
    if (text.length < length) {
      throw new DataException(file, where + "ends inside its header");
    }
    Map<String, String> entries =
        entries(new String(text, StandardCharsets.ISO_8859_1), file, where);
    String description = entries.get("descr").replaceAll("['\"]", "");
    return new NpyHeader(
        type(description, file, where),
        description.startsWith(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN,
        entries.get("fortran_order").equals("True"),
        shape(entries.get("shape"), file, where),
        start.length + lengthBytes + text.length);
  }

  private static Map<String, String> entries(String text, Path file, String where)
      throws DataException {
    String stripped = text.strip();
    Map<String, String> entries = new HashMap<>();
    Matcher matcher = ENTRY.matcher(stripped);
    int at = stripped.startsWith("{") ? 1 : stripped.length();
    while (matcher.region(at, stripped.length()).useTransparentBounds(true).lookingAt()) {
      if (entries.put(matcher.group("key"), matcher.group("value")) != null) {
        throw new DataException(file, where + "gives " + matcher.group("key") + " twice");
      }
      at = matcher.end();
    }
    boolean closed = at < stripped.length() && stripped.substring(at).strip().equals("}");
    if (!closed
        || entries.size() != 3
        || !entries.get("fortran_order").matches("True|False")
        || !entries.get("shape").startsWith("(")
        || !entries.get("descr").matches("['\"].*")) {
      throw new DataException(
          file,
          where
              + "has a header that is not understood; expected descr of plain numbers,"
              + " fortran_order and shape");
    }
    return entries;
  }

  private static NpyType type(String description, Path file, String where) throws DataException {
    String code = description.replaceFirst("^[<>|=]", "");
    for (NpyType type : NpyType.values()) {
      boolean ordered = description.startsWith("<") || description.startsWith(">");
      if (type.code().equals(code) && (ordered || type.bytes() == 1)) {
        return type;
      }
    }
    throw new DataException(
        file,
        where
            + (code.startsWith("O")
                ? "holds Python objects, which could run code when read; expected numbers"
                : "has numbers of type "
                    + description.replaceAll("[^ -~]", "?")
                    + "; expected u1, <i4, <i8, <f4 or <f8"));
  }

  private static long[] shape(String tuple, Path file, String where) throws DataException {
    String inside = tuple.substring(1, tuple.length() - 1).strip();
    if (inside.isEmpty()) {
      return new long[0];
    }
    String[] parts = inside.split(",");
    boolean good = parts.length <= MAXIMUM_RANK && parts.length > 0;
    long[] shape = new long[good ? parts.length : 0];
    long elements = 1;
    for (int i = 0; good && i < parts.length; i++) {
      String digits = parts[i].strip();
      good = !digits.isEmpty() && digits.length() <= MAXIMUM_DIGITS && digits.matches("[0-9]+");
      shape[i] = good ? Long.parseLong(digits) : 0;
      // Room is left for the size of a number.
      good &= Math.multiplyHigh(elements, shape[i]) == 0 && elements * shape[i] >= 0;
      elements *= shape[i];
      good &= elements <= Long.MAX_VALUE / Long.BYTES;
    }
    if (!good) {
      throw new DataException(
          file,
          where
              + "has an impossible shape; expected at most "
              + MAXIMUM_RANK
              + " extents whose product is a size");
    }
    return shape;
  }

  /** Bytes of the array's numbers. */
  public long dataBytes() {
    return Arrays.stream(shape).reduce(1, (a, b) -> a * b) * type.bytes();
  }

  /** The shape as Python writes it. */
  public String shapeText() {
    StringBuilder text = new StringBuilder("(");
    for (int i = 0; i < shape.length; i++) {
      text.append(i == 0 ? "" : ", ").append(shape[i]);
    }
    return text.append(shape.length == 1 ? ",)" : ")").toString();
  }

  /** A header of version 1 as NumPy writes it, for little-endian numbers in C order. */
  public static byte[] bytes(NpyType type, long... shape) {
    NpyHeader header = new NpyHeader(type, ByteOrder.LITTLE_ENDIAN, false, shape, 0);
    String text =
        "{'descr': '"
            + (type.bytes() == 1 ? "|" : "<")
            + type.code()
            + "', 'fortran_order': False, 'shape': "
            + header.shapeText()
            + ", }";
    int before = MAGIC.length + 2 + Short.BYTES;
    int total = (before + text.length() + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ByteBuffer bytes = ByteBuffer.allocate(total).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) (total - before));
    bytes.put(text.getBytes(StandardCharsets.ISO_8859_1));
    Arrays.fill(bytes.array(), bytes.position(), total - 1, (byte) ' ');
    bytes.array()[total - 1] = '\n';
    return bytes.array();
  }
}
