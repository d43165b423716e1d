package org.halfstep.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How a tensor lies in its storage: the element at an index is at {@code offset + sum of index x
 * stride}. Only tensors whose every element is inside and their own are taken; what a program
 * expanded from fewer numbers has no size that a file bounds.
 */
final class StridedTensor {
  private final TensorUnpickler.Tensor tensor;
  private final long elements;
  private final boolean rowMajor;

  private StridedTensor(TensorUnpickler.Tensor tensor, long elements, boolean rowMajor) {
    this.tensor = tensor;
    this.elements = elements;
    this.rowMajor = rowMajor;
  }

  /** A tensor, if it lies whole and each number once in its storage. */
  static Optional<StridedTensor> of(TensorUnpickler.Tensor tensor) {
    long[] shape = tensor.shape();
    long[] strides = tensor.strides();
    long available = tensor.storage().elements();
    if (strides.length != shape.length || tensor.offset() < 0 || tensor.offset() >= available) {
      return Optional.empty();
    }
    // From the smallest stride to the largest, each must step over all that the ones before span.
    int[] order =
        IntStream.range(0, shape.length)
            .boxed()
            .sorted(Comparator.comparingLong(axis -> strides[axis]))
            .mapToInt(Integer::intValue)
            .toArray();
    long left = available - tensor.offset();
    long elements = 1;
    long span = 1;
    for (int axis : order) {
      if (shape[axis] < 1 || shape[axis] > left) {
        return Optional.empty();
      }
      if (shape[axis] == 1) {
        continue;
      }
      if (strides[axis] < span || strides[axis] > (left - span) / (shape[axis] - 1)) {
        return Optional.empty();
      }
      span += strides[axis] * (shape[axis] - 1);
      elements *= shape[axis];
    }
    return Optional.of(new StridedTensor(tensor, elements, isRowMajor(shape, strides)));
  }

  private static boolean isRowMajor(long[] shape, long[] strides) {
    long expected = 1;
    for (int axis = shape.length - 1; axis >= 0; axis--) {
      if (shape[axis] != 1 && strides[axis] != expected) {
        return false;
      }
      expected *= shape[axis];
    }
    return true;
  }

  boolean isRowMajor() {
    return rowMajor;
  }

  long bytes() {
    return elements * tensor.storage().type().bytes();
  }

  /** Its part of the storage, when it is row-major. */
  MemorySegment slice(MemorySegment storage) {
    return storage.asSlice(tensor.offset() * tensor.storage().type().bytes(), bytes());
  }

  /** A copy of its numbers, row by row. */
  MemorySegment gather(MemorySegment storage, Arena arena) {
    int size = tensor.storage().type().bytes();
    long[] shape = tensor.shape();
    MemorySegment target = arena.allocate(bytes(), Long.BYTES);
    long[] index = new long[shape.length];
    long source = tensor.offset();
    for (long element = 0; element < elements; element++) {
      MemorySegment.copy(storage, source * size, target, element * size, size);
      for (int axis = shape.length - 1; axis >= 0; axis--) {
        source += tensor.strides()[axis];
        if (++index[axis] < shape[axis]) {
          break;
        }
        source -= tensor.strides()[axis] * shape[axis];
        index[axis] = 0;
      }
    }
    return target;
  }
}
