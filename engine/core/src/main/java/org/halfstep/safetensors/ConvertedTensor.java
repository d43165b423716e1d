package org.halfstep.safetensors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * A tensor that is written in another number format than it is read in, number by number while it
 * is written: nothing of its size is allocated.
 *
 * @param name unique within the file
 * @param dtype element type in the file; F32, F16 or BF16, or the parts' own
 * @param shape extents in the file, outermost first
 * @param parts what it consists of, one behind the other, all of one type; they stay open until it
 *     is written
 */
public record ConvertedTensor(String name, Dtype dtype, long[] shape, List<TensorView> parts)
    implements WritableTensor {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public ConvertedTensor {
    shape = shape.clone();
    parts = List.copyOf(parts);
    long elements = parts.stream().mapToLong(TensorView::elements).sum();
    if (elements != Dtype.elements(shape)) {
      throw new IllegalArgumentException(
          "tensor " + name + ": " + elements + " numbers for " + Arrays.toString(shape));
    }
    for (TensorView part : parts) {
      boolean converts =
          part.dtype().isFloating()
              && (dtype == Dtype.F32 || dtype == Dtype.F16 || dtype == Dtype.BF16);
      if (part.dtype() != dtype && !converts) {
        throw new IllegalArgumentException(part + " cannot be written as " + dtype);
      }
    }
  }

  /**
   * A tensor whose floating numbers are converted, and whose integers stay as they are.
   *
   * @param floating F32, F16 or BF16; null to keep what is there
   */
  public static ConvertedTensor of(String name, Dtype floating, TensorView tensor) {
    return of(name, floating, tensor.shape(), List.of(tensor));
  }

  /** The same of several parts with an own shape. */
  public static ConvertedTensor of(
      String name, Dtype floating, long[] shape, List<TensorView> parts) {
    Dtype own = parts.getFirst().dtype();
    boolean mixed = parts.stream().anyMatch(part -> part.dtype() != own);
    Dtype kept = mixed ? Dtype.F32 : own;
    return new ConvertedTensor(
        name, floating == null || !own.isFloating() ? kept : floating, shape, parts);
  }

  /** A copy of the extents. */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  @Override
  public long bytes() {
    return dtype.bytesOf(shape);
  }

  /**
   * The first finite number that is not finite in the format it is written in; NaN when there is
   * none.
   */
  public float firstOverflow() {
    if (dtype != Dtype.F16) {
      return Float.NaN;
    }
    for (TensorView part : parts) {
      if (part.dtype() == Dtype.F16) {
        continue;
      }
      for (long i = 0; i < part.elements(); i++) {
        float value = part.floatAt(i);
        if (Float.isFinite(value)
            && !Float.isFinite(Float.float16ToFloat(Float.floatToFloat16(value)))) {
          return value;
        }
      }
    }
    return Float.NaN;
  }

  @Override
  public void copy(long offset, MemorySegment target) {
    long first = offset / dtype.bytes();
    long end = first + target.byteSize() / dtype.bytes();
    long start = 0;
    for (TensorView part : parts) {
      long from = Math.max(first, start);
      long to = Math.min(end, start + part.elements());
      if (from < to) {
        MemorySegment wanted =
            target.asSlice((from - first) * dtype.bytes(), (to - from) * dtype.bytes());
        copy(part, from - start, wanted);
      }
      start += part.elements();
    }
  }

  private void copy(TensorView part, long first, MemorySegment target) {
    if (part.dtype() == dtype) {
      MemorySegment.copy(part.data(), first * dtype.bytes(), target, 0, target.byteSize());
      return;
    }
    long count = target.byteSize() / dtype.bytes();
    for (long i = 0; i < count; i++) {
      float value = part.floatAt(first + i);
      switch (dtype) {
        case F32 -> target.set(FLOAT, i * Float.BYTES, value);
        case F16 -> target.set(SHORT, i * Short.BYTES, Float.floatToFloat16(value));
        default -> target.set(SHORT, i * Short.BYTES, Bfloat16.fromFloat(value));
      }
    }
  }
}
