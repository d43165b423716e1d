package org.halfstep.graph;

import java.util.List;

/**
 * Inverted dropout in training; the value itself in inference. The backward pass redraws the same
 * mask.
 */
final class DropoutOp extends Op {
  private final Value x;
  private final float probability;
  private final int layer;

  DropoutOp(String label, Value x, float probability, int layer) {
    super(label, List.of(x));
    this.x = x;
    this.probability = probability;
    this.layer = layer;
    if (!(probability > 0 && probability < 1)) {
      throw new IllegalArgumentException(
          "dropout probability must lie in [0, 1), got " + probability);
    }
  }

  @Override
  Shape outputShape() {
    return x.shape();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      private void emit(Buffer from, Buffer to) {
        Buffer ids = plan.sampleIds();
        Buffer draw = plan.draw();
        plan.step(
            StepInfo.memory(label(), "dropout", 2 * plan.bytes(x)),
            List.of(from, to, ids, draw),
            () ->
                plan.operations()
                    .dropout(
                        from.address(),
                        to.address(),
                        probability,
                        plan.options().dropoutSeed(),
                        ids.address(),
                        draw.address(),
                        layer,
                        plan.batch(),
                        x.shape().size(),
                        plan.type(x)));
      }

      @Override
      public void forward() {
        if (plan.training()) {
          emit(plan.buffer(x), plan.buffer(output()));
        } else {
          plan.alias(output(), x);
        }
      }

      @Override
      public void backward() {
        plan.writeGradient(x, label(), target -> emit(plan.gradient(output()), target));
      }
    };
  }
}
