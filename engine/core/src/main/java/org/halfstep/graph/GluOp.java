package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.Activation;

/**
 * A gated linear unit without its linear layer: {@code a f(b)}, a the first half of the channels
 * and b the second (Shazeer 2020, arXiv:2002.05202).
 */
final class GluOp extends Op {
  private final Value x;
  private final Activation activation;

  GluOp(String label, Value x, Activation activation) {
    super(label, List.of(x));
    this.x = x;
    this.activation = activation;
    if (x.shape().channels() % 2 != 0 || activation == Activation.NONE) {
      throw new IllegalArgumentException(
          label + ": gates take an activation and an even number of channels, not those of " + x);
    }
  }

  @Override
  Shape outputShape() {
    return new Shape(x.shape().height(), x.shape().width(), x.shape().channels() / 2);
  }

  @Override
  Binding bind(PlanBuilder plan) {
    long rows = (long) plan.batch() * x.shape().pixels();
    int channels = outputShape().channels();
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "glu forward", plan.bytes(x) + plan.bytes(output())),
            List.of(in, y),
            () ->
                plan.operations()
                    .kernel("glu_forward")
                    .with("rows c function dtype", rows, channels, activation, plan.type(x))
                    .with("x y", in.address(), y.address()));
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
            StepInfo.memory(label(), "glu backward", 2 * plan.bytes(x) + plan.bytes(output())),
            List.of(in, dy, dx),
            () ->
                plan.operations()
                    .kernel("glu_backward")
                    .with("rows c function dtype", rows, channels, activation, plan.type(x))
                    .with("x dy dx", in.address(), dy.address(), dx.address())
                    .with("accumulate", accumulate));
      }
    };
  }
}
