package org.halfstep.graph;

import java.util.List;

/**
 * Sinusoidal embedding of one number per sample; it has no gradient, times and guidance are not
 * trained.
 */
final class SinusoidOp extends Op {
  private static final double MAX_PERIOD = 10000;

  private final Value x;
  private final double scale;
  private final int dimension;
  private final boolean ofGuidance;

  /**
   * @param ofGuidance whether sines come first and the last period is the longest, as consistency
   *     models embed guidance strengths; else cosines come first and the periods end before it
   */
  SinusoidOp(String label, Value x, double scale, int dimension, boolean ofGuidance) {
    super(label, List.of(x));
    this.x = x;
    this.scale = scale;
    this.dimension = dimension;
    this.ofGuidance = ofGuidance;
    if (ofGuidance && dimension < 4) {
      throw new IllegalArgumentException(
          label + ": an embedding of guidance has at least 4 numbers, not " + dimension);
    }
  }

  @Override
  Shape outputShape() {
    return Shape.vector(dimension);
  }

  @Override
  Value.Storage outputStorage() {
    return Value.Storage.F32;
  }

  @Override
  boolean isDifferentiable() {
    return false;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "sinusoid", plan.bytes(output())),
            List.of(in, y),
            () ->
                plan.operations()
                    .kernel("sinusoid")
                    .with("n dim scale max_period", plan.batch(), dimension, scale, MAX_PERIOD)
                    .with("sines_first reach_period", ofGuidance, ofGuidance)
                    .with("t y", in.address(), y.address()));
      }

      @Override
      public void backward() {
        throw new IllegalStateException("a sinusoid has no gradient");
      }
    };
  }
}
