package org.halfstep.graph;

import java.lang.foreign.MemorySegment;

/** Where the numbers of parameters come from: a mapped file, for one. */
public interface ParameterSource extends AutoCloseable {
  /**
   * Writes a parameter's numbers as float32, in the order in which they are stored.
   *
   * @param destination {@code 4 * parameter.size()} bytes
   */
  void copy(Parameter parameter, MemorySegment destination);

  @Override
  void close();
}
