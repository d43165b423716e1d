package org.halfstep.graph;

import java.util.List;

/**
 * One tensor of a graph: an input, or the output of an op. A concatenation of values along channels
 * is a value too, but has no memory of its own: the ops that accept one read its {@link #sources}.
 */
public final class Value {
  /** How a value is stored. */
  public enum Storage {
    /** The plan's activation type. */
    ACTIVATION,
    /** Always float32: embeddings, times. */
    F32,
    /** Label numbers. */
    I32,
    /** Unsigned bytes that a {@link Quantizer} made. */
    BYTES
  }

  private final Graph graph;
  private final int id;
  private final String name;
  private final Shape shape;
  private final Storage storage;
  private final Op producer;
  private final List<Value> sources;

  Value(
      Graph graph,
      int id,
      String name,
      Shape shape,
      Storage storage,
      Op producer,
      List<Value> sources) {
    this.graph = graph;
    this.id = id;
    this.name = name;
    this.shape = shape;
    this.storage = storage;
    this.producer = producer;
    this.sources = sources.isEmpty() ? List.of(this) : List.copyOf(sources);
  }

  /** The graph that it is part of. */
  Graph graph() {
    return graph;
  }

  int id() {
    return id;
  }

  public String name() {
    return name;
  }

  public Shape shape() {
    return shape;
  }

  public Storage storage() {
    return storage;
  }

  /** The op that writes it; null for an input and for a concatenation. */
  Op producer() {
    return producer;
  }

  /** The value itself, or the values that it concatenates. */
  public List<Value> sources() {
    return sources;
  }

  boolean isConcatenation() {
    return sources.size() > 1;
  }

  @Override
  public String toString() {
    return name + " [" + shape + "]";
  }
}
