package org.halfstep.numpy;

import java.nio.ByteBuffer;

/** Types of numbers in NumPy files that are read and written here. */
public enum NpyType {
  /** 0 to 255. */
  UINT8("u1", 1),
  /** 32 bits with sign. */
  INT32("i4", Integer.BYTES),
  /** 64 bits with sign. */
  INT64("i8", Long.BYTES),
  /** IEEE single precision. */
  FLOAT32("f4", Float.BYTES),
  /** IEEE double precision. */
  FLOAT64("f8", Double.BYTES);

  private final String code;
  private final int bytes;

  NpyType(String code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /** Size of one number. */
  public int bytes() {
    return bytes;
  }

  public boolean isInteger() {
    return this != FLOAT32 && this != FLOAT64;
  }

  /** NumPy's name without the byte order. */
  public String code() {
    return code;
  }

  public double doubleAt(ByteBuffer data, int offset) {
    return switch (this) {
      case UINT8 -> data.get(offset) & 0xff;
      case INT32 -> data.getInt(offset);
      case INT64 -> data.getLong(offset);
      case FLOAT32 -> data.getFloat(offset);
      case FLOAT64 -> data.getDouble(offset);
    };
  }

  public long longAt(ByteBuffer data, int offset) {
    return switch (this) {
      case UINT8 -> data.get(offset) & 0xff;
      case INT32 -> data.getInt(offset);
      case INT64 -> data.getLong(offset);
      case FLOAT32, FLOAT64 -> throw new IllegalStateException("not integers but " + code);
    };
  }
}
