package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.KernelCall;

/** One pixel, or token, of each sample, by its number. */
final class GatherOp extends Op {
  private final Value x;
  private final Value index;

  /**
   * @param index one number per sample, in 0 .. pixels - 1
   */
  GatherOp(String label, Value x, Value index) {
    super(label, List.of(x, index));
    this.x = x;
    this.index = index;
    if (index.storage() != Value.Storage.I32 || index.shape().size() != 1) {
      throw new IllegalArgumentException(
          label + ": a token is named by one whole number per sample, not by " + index);
    }
  }

  @Override
  Shape outputShape() {
    return Shape.vector(x.shape().channels());
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      private KernelCall kernel(String name) {
        return plan.operations()
            .kernel(name)
            .with("n t c", plan.batch(), x.shape().pixels(), x.shape().channels())
            .with("dtype ids", plan.type(x), plan.buffer(index).address());
      }

      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "gather forward", 2 * plan.bytes(output())),
            List.of(in, y, plan.buffer(index)),
            () -> kernel("gather_forward").with("x y", in.address(), y.address()));
      }

      @Override
      public void backward() {
        if (!plan.needsGradient(x)) {
          return;
        }
        boolean accumulate = plan.claimGradient(x);
        Buffer dy = plan.gradient(output());
        Buffer dx = plan.gradient(x);
        plan.step(
            StepInfo.memory(label(), "gather backward", plan.bytes(x) + plan.bytes(output())),
            List.of(dy, dx, plan.buffer(index)),
            () ->
                kernel("gather_backward")
                    .with("dy dx accumulate", dy.address(), dx.address(), accumulate));
      }
    };
  }
}
