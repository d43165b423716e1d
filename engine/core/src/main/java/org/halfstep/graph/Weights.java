package org.halfstep.graph;

import java.lang.foreign.MemorySegment;

/**
 * What a plan asks for the numbers of a graph's parameters. They have two bodies: a {@link
 * ParameterSlab}, which training changes and whose plans pack what they need themselves, and {@link
 * FrozenWeights}, which never change, so that packed forms are made once and shared by all plans.
 */
public sealed interface Weights extends AutoCloseable permits ParameterSlab, FrozenWeights {
  Graph graph();

  /** Device address of a parameter, or of a stack of them, in float32 as it is stored. */
  long address(Parameter parameter);

  /**
   * Writes a parameter's numbers to host memory as float32.
   *
   * @param destination {@code 4 * parameter.size()} bytes
   */
  void copy(Parameter parameter, MemorySegment destination);

  @Override
  void close();
}
