package org.halfstep.graph;

import java.util.List;

/**
 * A trainable tensor under its checkpoint name. It occupies a contiguous range of the parameter
 * slab; parameters that were declared as one stack lie next to each other, so that one matrix
 * product can read them together.
 */
public final class Parameter {
  /** How a fresh parameter is filled. */
  public enum Initializer {
    ZERO,
    ONE,
    /** Uniform in ±1/sqrt(fan in), PyTorch's default for convolutions and linear layers. */
    FAN_IN_UNIFORM,
    /** Standard normal, PyTorch's default for embeddings. */
    NORMAL,
    /** Normal with a deviation of 0.02, as transformers begin their tables of tokens and places. */
    SMALL_NORMAL
  }

  private final String name;
  private final List<Integer> shape;
  private final Initializer initializer;
  private final int fanIn;
  private final long offset;

  Parameter(String name, List<Integer> shape, Initializer initializer, int fanIn, long offset) {
    this.name = name;
    this.shape = List.copyOf(shape);
    this.initializer = initializer;
    this.fanIn = fanIn;
    this.offset = offset;
  }

  public String name() {
    return name;
  }

  public List<Integer> shape() {
    return shape;
  }

  public Initializer initializer() {
    return initializer;
  }

  public int fanIn() {
    return fanIn;
  }

  /** Where it starts in the parameter slab, in floats. */
  public long offset() {
    return offset;
  }

  /** Elements. */
  public long size() {
    long size = 1;
    for (int extent : shape) {
      size *= extent;
    }
    return size;
  }

  @Override
  public String toString() {
    return name + " " + shape;
  }
}
