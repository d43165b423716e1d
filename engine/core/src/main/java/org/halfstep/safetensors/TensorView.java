package org.halfstep.safetensors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * One tensor of an open {@link SafetensorsFile}: its bytes are mapped, not copied, and are gone
 * when the file is closed.
 *
 * @param name the tensor's name
 * @param dtype element type
 * @param shape extents, outermost first; empty for a scalar
 * @param data little-endian row-major elements, read-only; aligned to the element size only if the
 *     file's writer saw to it (as {@link SafetensorsWriter} does), so read it with unaligned
 *     layouts
 */
public record TensorView(String name, Dtype dtype, long[] shape, MemorySegment data) {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Elements that one thread reads; larger tensors are read by several. */
  private static final long PIECE = 1 << 20;

  /**
   * Elements that are brought into an array at once. Loops over arrays become vector instructions;
   * a segment's checks, element by element, took most of the time (int8: a fifth is left).
   */
  private static final int STRIP = 1 << 12;

  /** What may be touched by a thread that nobody knows may be touched by all. */
  private static final Thread ANY = Thread.ofPlatform().unstarted(() -> {});

  private static final long F32_EXPONENT = 0x7f80_0000;
  private static final long F16_EXPONENT = 0x7c00;

  /** The lowest bits of the numbers in a word. */
  private static final long F32_LANES = 0x0000_0001_0000_0001L;

  private static final long F16_LANES = 0x0001_0001_0001_0001L;

  public TensorView {
    shape = shape.clone();
  }

  /** A copy of the extents. */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** Number of elements. */
  public long elements() {
    return data.byteSize() / dtype.bytes();
  }

  /**
   * The values as float32: exact from F32, F16 and BF16, rounded from F64.
   *
   * @throws IllegalStateException when the type is not a floating one, or there are more than fit
   *     an array
   */
  public float[] floats() {
    float[] values = new float[arrayLength("floats", dtype.isFloating())];
    copyFloats(MemorySegment.ofArray(values), 0);
    return values;
  }

  /**
   * Writes the values as float32 (as {@link #floats}, and of I8) to a caller's memory, of any size.
   *
   * @param destination where to write
   * @param byteOffset offset of the first value
   */
  public void copyFloats(MemorySegment destination, long byteOffset) {
    requireKind("floats", dtype.isFloating() || dtype == Dtype.I8);
    if (isDivided() && destination.isAccessibleBy(ANY)) {
      pieces().forEach(at -> piece(at).convert(destination, byteOffset + at * Float.BYTES));
    } else {
      convert(destination, byteOffset);
    }
  }

  private boolean isDivided() {
    return elements() > PIECE && data.isAccessibleBy(ANY);
  }

  /** The first elements of the pieces, for the threads of the common pool and this one. */
  private LongStream pieces() {
    return LongStream.range(0, Math.ceilDiv(elements(), PIECE)).parallel().map(i -> i * PIECE);
  }

  private TensorView piece(long at) {
    long count = Math.min(PIECE, elements() - at);
    MemorySegment part = data.asSlice(at * dtype.bytes(), count * dtype.bytes());
    return new TensorView(name, dtype, new long[] {count}, part);
  }

  private void convert(MemorySegment destination, long byteOffset) {
    long count = elements();
    switch (dtype) {
      case F32 ->
          MemorySegment.copy(
              data, F32, 0, destination, ValueLayout.JAVA_FLOAT_UNALIGNED, byteOffset, count);
      case F64 -> {
        for (long i = 0; i < count; i++) {
          destination.set(
              ValueLayout.JAVA_FLOAT_UNALIGNED,
              byteOffset + i * Float.BYTES,
              (float) data.get(F64, i * Double.BYTES));
        }
      }
      case I8 -> widenBytes(destination, byteOffset);
      default -> widenShorts(destination, byteOffset);
    }
  }

  private void widenBytes(MemorySegment destination, long byteOffset) {
    byte[] bytes = new byte[strip()];
    float[] values = new float[strip()];
    for (long at = 0; at < elements(); at += STRIP) {
      int count = bytes(at, bytes);
      for (int i = 0; i < count; i++) {
        values[i] = bytes[i];
      }
      put(destination, byteOffset, at, values, count);
    }
  }

  private void widenShorts(MemorySegment destination, long byteOffset) {
    short[] bits = new short[strip()];
    float[] values = new float[strip()];
    for (long at = 0; at < elements(); at += STRIP) {
      int count = shorts(at, bits);
      if (dtype == Dtype.BF16) {
        for (int i = 0; i < count; i++) {
          values[i] = Bfloat16.toFloat(bits[i]);
        }
      } else {
        for (int i = 0; i < count; i++) {
          values[i] = Float.float16ToFloat(bits[i]);
        }
      }
      put(destination, byteOffset, at, values, count);
    }
  }

  private int strip() {
    return (int) Math.min(STRIP, elements());
  }

  /** Reads what is left from an element on, at most an array full, and says how many. */
  private int bytes(long at, byte[] to) {
    int count = (int) Math.min(to.length, elements() - at);
    MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, to, 0, count);
    return count;
  }

  private int shorts(long at, short[] to) {
    int count = (int) Math.min(to.length, elements() - at);
    MemorySegment.copy(data, I16, at * Short.BYTES, to, 0, count);
    return count;
  }

  private static void put(
      MemorySegment destination, long byteOffset, long at, float[] values, int count) {
    long offset = byteOffset + at * Float.BYTES;
    MemorySegment.copy(values, 0, destination, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, count);
  }

  /**
   * The values as float64, exact from every floating type.
   *
   * @throws IllegalStateException when the type is not a floating one, or there are more than fit
   *     an array
   */
  public double[] doubles() {
    double[] values = new double[arrayLength("doubles", dtype.isFloating())];
    if (dtype == Dtype.F64) {
      MemorySegment.copy(data, F64, 0, values, 0, values.length);
      return values;
    }
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case F32 -> data.get(F32, (long) i * Float.BYTES);
            case BF16 -> Bfloat16.toFloat(data.get(I16, (long) i * Short.BYTES));
            default -> Float.float16ToFloat(data.get(I16, (long) i * Short.BYTES));
          };
    }
    return values;
  }

  /** One value, as {@link #copyFloats} writes it. */
  public float floatAt(long index) {
    return switch (dtype) {
      case F32 -> data.get(F32, index * Float.BYTES);
      case F64 -> (float) data.get(F64, index * Double.BYTES);
      case BF16 -> Bfloat16.toFloat(data.get(I16, index * Short.BYTES));
      case I8 -> data.get(ValueLayout.JAVA_BYTE, index);
      default -> Float.float16ToFloat(data.get(I16, index * Short.BYTES));
    };
  }

  /**
   * Index of the first value that is NaN or infinite, -1 when there is none; a type without such
   * values has none. One pass over the bits.
   */
  public long firstNotFinite() {
    if (!isDivided()) {
      return firstHere();
    }
    return pieces()
        .map(
            at -> {
              long first = piece(at).firstHere();
              return first < 0 ? Long.MAX_VALUE : at + first;
            })
        .filter(first -> first < Long.MAX_VALUE)
        .min()
        .orElse(-1);
  }

  private long firstHere() {
    return switch (dtype) {
      case F32 -> firstWith(F32_LANES, F32_EXPONENT);
      case F16 -> firstWith(F16_LANES, F16_EXPONENT);
      case BF16 -> firstWith(F16_LANES, F32_EXPONENT >>> Short.SIZE);
      case F64 -> firstOf(0, elements());
      default -> -1;
    };
  }

  /**
   * Looks at several numbers in one word: of those whose exponent is all ones, one more carries
   * into the sign, which was masked out. Loops over arrays become vector instructions.
   *
   * @param lanes a word with the lowest bit of each number
   */
  private long firstWith(long lanes, long exponent) {
    long mask = lanes * exponent;
    long lowest = lanes * (exponent & -exponent);
    long carried = mask + lowest;
    long words = data.byteSize() / Long.BYTES;
    long[] strip = new long[(int) Math.min(STRIP, words)];
    int perWord = Long.BYTES / dtype.bytes();
    for (long at = 0; at < words; at += STRIP) {
      int count = (int) Math.min(STRIP, words - at);
      MemorySegment.copy(data, I64, at * Long.BYTES, strip, 0, count);
      long seen = 0;
      for (int i = 0; i < count; i++) {
        seen |= (strip[i] & mask) + lowest;
      }
      if ((seen & carried) != 0) {
        return firstOf(at * perWord, (at + count) * perWord);
      }
    }
    return firstOf(words * perWord, elements());
  }

  private long firstOf(long from, long to) {
    for (long i = from; i < to; i++) {
      double value = dtype == Dtype.F64 ? data.get(F64, i * Double.BYTES) : floatAt(i);
      if (!Double.isFinite(value)) {
        return i;
      }
    }
    return -1;
  }

  /** Whether a byte is among those of an I8. */
  public boolean holds(byte value) {
    requireKind("bytes", dtype == Dtype.I8);
    return isDivided() ? pieces().anyMatch(at -> piece(at).holdsHere(value)) : holdsHere(value);
  }

  private boolean holdsHere(byte value) {
    byte[] bytes = new byte[strip()];
    for (long at = 0; at < elements(); at += STRIP) {
      int count = bytes(at, bytes);
      for (int i = 0; i < count; i++) {
        if (bytes[i] == value) {
          return true;
        }
      }
    }
    return false;
  }

  /** Whether a value that {@link #firstNotFinite} found is NaN, not an infinity. */
  public boolean isNaN(long index) {
    return switch (dtype) {
      case F32 -> Float.isNaN(data.get(F32, index * Float.BYTES));
      case F64 -> Double.isNaN(data.get(F64, index * Double.BYTES));
      case F16 -> Float.isNaN(Float.float16ToFloat(data.get(I16, index * Short.BYTES)));
      case BF16 -> Float.isNaN(Bfloat16.toFloat(data.get(I16, index * Short.BYTES)));
      default -> false;
    };
  }

  /**
   * The values as 64-bit integers; U64 values above {@link Long#MAX_VALUE} come out as the negative
   * number of the same bits, a BOOL as its byte.
   *
   * @throws IllegalStateException when the type is not an integer one, or there are more than fit
   *     an array
   */
  public long[] longs() {
    long[] values = new long[arrayLength("longs", dtype.isInteger())];
    for (int i = 0; i < values.length; i++) {
      long offset = (long) i * dtype.bytes();
      values[i] =
          switch (dtype) {
            case BOOL, U8 -> Byte.toUnsignedLong(data.get(ValueLayout.JAVA_BYTE, offset));
            case I8 -> data.get(ValueLayout.JAVA_BYTE, offset);
            case U16 -> Short.toUnsignedLong(data.get(I16, offset));
            case I16 -> data.get(I16, offset);
            case U32 -> Integer.toUnsignedLong(data.get(I32, offset));
            case I32 -> data.get(I32, offset);
            default -> data.get(I64, offset);
          };
    }
    return values;
  }

  private int arrayLength(String wanted, boolean suitable) {
    requireKind(wanted, suitable);
    long count = elements();
    if (count > Integer.MAX_VALUE - 8) {
      throw new IllegalStateException(
          this + " has " + count + " elements, more than an array holds; use its data segment");
    }
    return (int) count;
  }

  private void requireKind(String wanted, boolean suitable) {
    if (!suitable) {
      throw new IllegalStateException(this + " cannot be read as " + wanted);
    }
  }

  /** Name, type and shape in one line. */
  @Override
  public String toString() {
    return "tensor " + name + " (" + dtype + " " + Arrays.toString(shape) + ")";
  }
}
