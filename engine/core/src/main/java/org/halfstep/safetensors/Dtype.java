package org.halfstep.safetensors;

/** Element types of a safetensors file, under the names that its header uses. */
public enum Dtype {
  BOOL(1, Kind.INTEGER),
  U8(1, Kind.INTEGER),
  I8(1, Kind.INTEGER),
  U16(2, Kind.INTEGER),
  I16(2, Kind.INTEGER),
  U32(4, Kind.INTEGER),
  I32(4, Kind.INTEGER),
  U64(8, Kind.INTEGER),
  I64(8, Kind.INTEGER),
  F8_E4M3(1, Kind.OPAQUE),
  F8_E5M2(1, Kind.OPAQUE),
  F16(2, Kind.FLOATING),
  BF16(2, Kind.FLOATING),
  F32(4, Kind.FLOATING),
  F64(8, Kind.FLOATING);

  private enum Kind {
    INTEGER,
    FLOATING,
    OPAQUE
  }

  private final int bytes;
  private final Kind kind;

  Dtype(int bytes, Kind kind) {
    this.bytes = bytes;
    this.kind = kind;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether the values can be read as floats or doubles. */
  public boolean isFloating() {
    return kind == Kind.FLOATING;
  }

  /** Whether the values can be read as longs. */
  public boolean isInteger() {
    return kind == Kind.INTEGER;
  }

  /**
   * Bytes of a tensor of this type.
   *
   * @throws ArithmeticException when the product does not fit a long
   */
  long bytesOf(long[] shape) {
    return Math.multiplyExact(elements(shape), (long) bytes);
  }

  /** Product of the extents; 1 for a scalar, 0 as soon as one extent is 0. */
  static long elements(long[] shape) {
    for (long extent : shape) {
      if (extent == 0) {
        return 0;
      }
    }
    long product = 1;
    for (long extent : shape) {
      product = Math.multiplyExact(product, extent);
    }
    return product;
  }
}
