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

  SinusoidOp(String label, Value x, double scale, int dimension) {
    super(label, List.of(x));
    this.x = x;
    this.scale = scale;
    this.dimension = dimension;
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
                    .sinusoid(
                        in.address(), scale, MAX_PERIOD, y.address(), plan.batch(), dimension));
      }

      @Override
      public void backward() {
        throw new IllegalStateException("a sinusoid has no gradient");
      }
    };
  }
}
