package org.halfstep.safetensors;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * A tensor that is made when it is written and forgotten when it was: of the many of a large file
 * one at a time is in memory.
 */
public final class LazyTensor implements WritableTensor {
  private final String name;
  private final Dtype dtype;
  private final long[] shape;
  private final Supplier<NamedTensor> maker;
  private NamedTensor made;

  /**
   * @param name unique within the file
   * @param dtype element type in the file
   * @param shape extents, outermost first
   * @param maker makes it, with this name, type and shape; what it made before is not read any more
   */
  public LazyTensor(String name, Dtype dtype, long[] shape, Supplier<NamedTensor> maker) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape.clone();
    this.maker = maker;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Dtype dtype() {
    return dtype;
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
    if (made == null) {
      made = maker.get();
      if (made.dtype() != dtype || made.bytes() != bytes()) {
        throw new IllegalStateException("tensor " + name + " was made as " + made.dtype());
      }
    }
    made.copy(offset, target);
    if (offset + target.byteSize() == bytes()) {
      made = null;
    }
  }
}
