package org.halfstep.graph;

import java.util.List;

/**
 * One operation of a graph, with a hand-written forward and backward pass. All of them are in this
 * package: the constructor is.
 */
public abstract class Op {
  private final String label;
  private final List<Value> inputs;
  private Value output;

  Op(String label, List<Value> inputs) {
    this.label = label;
    this.inputs = List.copyOf(inputs);
  }

  /** What a profile calls it. */
  public final String label() {
    return label;
  }

  /** The values it reads. */
  public final List<Value> inputs() {
    return inputs;
  }

  public final Value output() {
    return output;
  }

  final void setOutput(Value output) {
    this.output = output;
  }

  /** The shape of what it writes: that of the first value it reads, unless it says otherwise. */
  Shape outputShape() {
    return inputs.getFirst().shape();
  }

  /** How what it writes is stored: like the first value it reads, unless it says otherwise. */
  Value.Storage outputStorage() {
    return inputs.getFirst().storage();
  }

  /** Whether it has parameters, so that a gradient must reach it. */
  boolean hasParameters() {
    return false;
  }

  /** Whether a gradient passes through it to what it reads. */
  boolean isDifferentiable() {
    return true;
  }

  /** Whether it draws random numbers in training, keyed by sample and draw. */
  boolean draws() {
    return false;
  }

  /** The values whose moments it would use if a step before it left them. */
  List<Value> normalised() {
    return List.of();
  }

  /**
   * Values between what it reads and what it writes, which get a gradient where its output does.
   */
  List<Value> between() {
    return List.of();
  }

  /** Prepares this op for one plan: creates what it needs and emits its steps when asked. */
  abstract Binding bind(PlanBuilder plan);

  /**
   * An op inside one plan. {@link #forward} and {@link #backward} are called once each, in
   * execution order.
   */
  interface Binding {
    void forward();

    void backward();
  }
}
