package org.halfstep.graph;

import java.util.List;

/** x * sigmoid(x). */
final class SiluOp extends Op {
  private final Value x;

  SiluOp(String label, Value x) {
    super(label, List.of(x));
    this.x = x;
  }

  @Override
  Shape outputShape() {
    return x.shape();
  }

  @Override
  Value.Storage outputStorage() {
    return x.storage();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "silu forward", 2 * plan.bytes(x)),
            List.of(in, y),
            () ->
                plan.operations()
                    .siluForward(in.address(), y.address(), plan.count(x), plan.type(x)));
      }

      @Override
      public void backward() {
        if (!plan.needsGradient(x)) {
          return;
        }
        boolean accumulate = plan.claimGradient(x);
        Buffer in = plan.buffer(x);
        Buffer dy = plan.gradient(output());
        Buffer dx = plan.gradient(x);
        plan.step(
            StepInfo.memory(label(), "silu backward", 3 * plan.bytes(x)),
            List.of(in, dy, dx),
            () ->
                plan.operations()
                    .siluBackward(
                        in.address(),
                        dy.address(),
                        dx.address(),
                        accumulate,
                        plan.count(x),
                        plan.type(x)));
      }
    };
  }
}
