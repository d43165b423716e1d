package org.halfstep.onnx;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.halfstep.files.DataException;

/**
 * A message of Protocol Buffers, read field by field from mapped memory. Source: the encoding that
 * protobuf.dev describes.
 */
final class Message {
  static final int VARINT = 0;
  static final int FIXED64 = 1;
  static final int BYTES = 2;
  static final int FIXED32 = 5;

  private static final int TYPE_BITS = 3;
  private static final int BITS_OF_A_BYTE = 7;
  private static final int MORE = 0x80;
  private static final int LONGEST_TEXT = 1 << 16;

  private final Path path;
  private final MemorySegment data;

  /** Where the message lies in the file. */
  private final long start;

  private long at;
  private int field;
  private int type;

  Message(Path path, MemorySegment data, long start) {
    this.path = path;
    this.data = data;
    this.start = start;
  }

  DataException refuse(String problem) {
    return new DataException(path, start + at, problem);
  }

  /**
   * Goes to the next field, whose value must then be read or skipped.
   *
   * @return false at the end
   */
  boolean next() throws DataException {
    if (isEmpty()) {
      return false;
    }
    long tag = varint();
    field = (int) Math.min(tag >>> TYPE_BITS, Integer.MAX_VALUE);
    type = (int) tag & (1 << TYPE_BITS) - 1;
    if (tag < 0 || field == 0) {
      throw refuse("field number " + (tag >>> TYPE_BITS) + "; expected a message of ONNX");
    }
    return true;
  }

  boolean isEmpty() {
    return at == data.byteSize();
  }

  int field() {
    return field;
  }

  int type() {
    return type;
  }

  /** A whole number. */
  long number() throws DataException {
    require(VARINT);
    return varint();
  }

  /** Bytes where they lie. */
  MemorySegment bytes() throws DataException {
    require(BYTES);
    long length = varint();
    if (length < 0 || length > data.byteSize() - at) {
      throw refuse(
          "field "
              + field
              + " says that it has "
              + Long.toUnsignedString(length)
              + " bytes, but "
              + (data.byteSize() - at)
              + " are left; the file is cut short or damaged");
    }
    MemorySegment bytes = data.asSlice(at, length);
    at += length;
    return bytes;
  }

  /** A message in this one. */
  Message message() throws DataException {
    MemorySegment bytes = bytes();
    return new Message(path, bytes, start + at - bytes.byteSize());
  }

  String text() throws DataException {
    MemorySegment bytes = bytes();
    if (bytes.byteSize() > LONGEST_TEXT) {
      throw refuse("a name of " + bytes.byteSize() + " bytes; expected at most " + LONGEST_TEXT);
    }
    return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  /** Passes over the field. */
  void skip() throws DataException {
    switch (type) {
      case VARINT -> varint();
      case BYTES -> bytes();
      case FIXED64 -> pass(Long.BYTES);
      case FIXED32 -> pass(Integer.BYTES);
      default -> throw refuse("wire type " + type + "; expected a message of ONNX");
    }
  }

  private void pass(int length) throws DataException {
    if (length > data.byteSize() - at) {
      throw refuse("the message ends within a number; the file is cut short or damaged");
    }
    at += length;
  }

  private void require(int expected) throws DataException {
    if (type != expected) {
      throw refuse("field " + field + " has wire type " + type + "; expected " + expected);
    }
  }

  /** A number of seven bits a byte, the lowest first. */
  long varint() throws DataException {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += BITS_OF_A_BYTE) {
      if (isEmpty()) {
        throw refuse("the message ends within a number; the file is cut short or damaged");
      }
      byte part = data.get(ValueLayout.JAVA_BYTE, at++);
      value |= (long) (part & MORE - 1) << shift;
      if ((part & MORE) == 0) {
        return value;
      }
    }
    throw refuse("a number of more than 64 bits");
  }
}
