package org.halfstep.safetensors;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * A tensor whose numbers are computed while it is written, so that it need not be in memory.
 *
 * @param name unique within the file
 * @param dtype element type in the file
 * @param shape extents, outermost first
 * @param content says its bytes
 */
public record ComputedTensor(String name, Dtype dtype, long[] shape, Content content)
    implements WritableTensor {
  /** Says the bytes of a tensor, each once, from the first to the last. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes a part of the bytes, little-endian.
     *
     * @param offset of the first byte: the end of the part before
     * @param target as many bytes as are wanted
     */
    void write(long offset, MemorySegment target);
  }

  public ComputedTensor {
    shape = shape.clone();
  }

  /**
   * A tensor that is made as a whole when its first part is wanted, and forgotten with the last: of
   * many on their way to a file, one is in memory.
   *
   * @param maker makes it, of this type and shape; it may use the same memory for each tensor
   */
  public static ComputedTensor whole(
      String name, Dtype dtype, long[] shape, Supplier<? extends WritableTensor> maker) {
    return new ComputedTensor(name, dtype, shape, new Whole(maker));
  }

  private static final class Whole implements Content {
    private final Supplier<? extends WritableTensor> maker;
    private WritableTensor made;

    Whole(Supplier<? extends WritableTensor> maker) {
      this.maker = maker;
    }

    @Override
    public void write(long offset, MemorySegment target) {
      if (offset == 0) {
        made = maker.get();
      }
      made.copy(offset, target);
      if (offset + target.byteSize() == made.bytes()) {
        made = null;
      }
    }
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

  @Override
  public void copy(long offset, MemorySegment target) {
    content.write(offset, target);
  }
}
