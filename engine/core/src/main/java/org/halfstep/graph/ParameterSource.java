package org.halfstep.graph;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.halfstep.device.DataType;

/** Where the numbers of parameters come from: a mapped file, for one. */
public interface ParameterSource extends AutoCloseable {
  /**
   * Writes a parameter's numbers as float32, in the order in which they are stored.
   *
   * @param destination {@code 4 * parameter.size()} bytes
   */
  void copy(Parameter parameter, MemorySegment destination);

  /** How a parameter's numbers are stored there: F32, F16, BF16 or I8; F32 for computed ones. */
  DataType type(Parameter parameter);

  /**
   * A parameter's numbers where they are stored, in host memory that a processor may read in their
   * own type and order; empty where they are computed, lie in another order, or are not aligned.
   */
  default Optional<MemorySegment> mapped(Parameter parameter) {
    return Optional.empty();
  }

  @Override
  void close();
}
