package org.halfstep.safetensors;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A tensor to be written.
 *
 * @param name unique within the file
 * @param dtype element type of {@code data}
 * @param shape extents, outermost first; empty for a scalar
 * @param data little-endian row-major elements, on or off the heap; exactly the bytes that type and
 *     shape ask for
 */
public record NamedTensor(String name, Dtype dtype, long[] shape, MemorySegment data)
    implements WritableTensor {
  private static final ValueLayout.OfFloat F32_LAYOUT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfShort F16_LAYOUT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public NamedTensor {
    shape = shape.clone();
    for (long extent : shape) {
      if (extent < 0) {
        throw new IllegalArgumentException(
            "tensor " + name + ": shape " + Arrays.toString(shape) + " has a negative extent");
      }
    }
    long bytes = dtype.bytesOf(shape);
    if (bytes != data.byteSize()) {
      throw new IllegalArgumentException(
          "tensor "
              + name
              + ": "
              + dtype
              + " "
              + Arrays.toString(shape)
              + " is "
              + bytes
              + " bytes, the data has "
              + data.byteSize());
    }
    if (name.equals(SafetensorsHeader.METADATA)) {
      throw new IllegalArgumentException("a tensor cannot be named " + SafetensorsHeader.METADATA);
    }
  }

  /** A float32 tensor; {@code data} is written as it is. */
  public static NamedTensor f32(String name, long[] shape, MemorySegment data) {
    return new NamedTensor(name, Dtype.F32, shape, data);
  }

  /** A float32 tensor from an array, which is not copied. */
  public static NamedTensor f32(String name, long[] shape, float... values) {
    return new NamedTensor(name, Dtype.F32, shape, MemorySegment.ofArray(values));
  }

  /** A 64-bit integer tensor from an array, which is not copied. */
  public static NamedTensor i64(String name, long[] shape, long... values) {
    return new NamedTensor(name, Dtype.I64, shape, MemorySegment.ofArray(values));
  }

  /**
   * A bfloat16 tensor: float32 values, rounded to the nearest (ties to even) into memory of its
   * own.
   */
  public static NamedTensor bf16(String name, long[] shape, MemorySegment float32) {
    MemorySegment rounded = Arena.ofAuto().allocate(float32.byteSize() / 2, Dtype.BF16.bytes());
    Bfloat16.round(float32, rounded);
    return new NamedTensor(name, Dtype.BF16, shape, rounded);
  }

  /**
   * A float16 tensor: float32 values, rounded to the nearest (ties to even) into memory of its own.
   *
   * @throws IllegalArgumentException when a finite value is too large for the type
   */
  public static NamedTensor f16(String name, long[] shape, MemorySegment float32) {
    long count = float32.byteSize() / Float.BYTES;
    MemorySegment rounded = Arena.ofAuto().allocate(count * Dtype.F16.bytes(), Dtype.F16.bytes());
    for (long i = 0; i < count; i++) {
      float value = float32.get(F32_LAYOUT, i * Float.BYTES);
      short half = Float.floatToFloat16(value);
      if (Float.isFinite(value) && Float.isInfinite(Float.float16ToFloat(half))) {
        throw new IllegalArgumentException(
            "tensor "
                + name
                + " has "
                + value
                + " at "
                + i
                + ", more than float16 can hold (65504): store it as bfloat16 or float32");
      }
      rounded.set(F16_LAYOUT, i * Short.BYTES, half);
    }
    return new NamedTensor(name, Dtype.F16, shape, rounded);
  }

  /** A copy of the extents. */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  @Override
  public long bytes() {
    return data.byteSize();
  }

  @Override
  public void copy(long offset, MemorySegment target) {
    MemorySegment.copy(data, offset, target, 0, target.byteSize());
  }
}
