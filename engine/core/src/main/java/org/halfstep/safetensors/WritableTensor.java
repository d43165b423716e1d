package org.halfstep.safetensors;

import java.lang.foreign.MemorySegment;

/** A tensor on its way to a file, whose bytes are asked for part by part. */
public sealed interface WritableTensor permits NamedTensor, ConvertedTensor, ComputedTensor {
  /** Unique within the file. */
  String name();

  /** Element type in the file. */
  Dtype dtype();

  /** Extents, outermost first; empty for a scalar. */
  long[] shape();

  /** Bytes in the file. */
  long bytes();

  /**
   * Writes a part of its bytes, as they are in the file.
   *
   * @param offset of the first byte, a multiple of the element's size
   * @param target as many bytes as are wanted
   */
  void copy(long offset, MemorySegment target);
}
