package org.halfstep.safetensors;

import java.util.Optional;
import java.util.Set;

/**
 * Open tensors by name: of one file or of several, safetensors or another format. They are mapped,
 * not copied, and live until {@link #close}. Any thread may read.
 */
public interface Tensors extends AutoCloseable {
  /** Where they come from, for error texts: a file, or the index of several. */
  String origin();

  /** All names. */
  Set<String> names();

  /** A tensor by name, if there is one. */
  Optional<TensorView> find(String name);

  /**
   * A tensor that is there, on its way to a file. What it reads may be made while it is written, so
   * that of many tensors in one file one is in memory; they are written one after the other.
   *
   * @param floating F32, F16 or BF16 for floating numbers; null to keep what is there
   */
  default WritableTensor writable(String name, Dtype floating) {
    return ConvertedTensor.of(name, floating, find(name).orElseThrow());
  }

  /**
   * Gives back the memory of pages that were read, with what the system read around them; whoever
   * asks again has them read again. Tensors that are not mapped have none.
   */
  default void unload() {}

  /** Unmaps everything; every view becomes unusable. */
  @Override
  void close();
}
