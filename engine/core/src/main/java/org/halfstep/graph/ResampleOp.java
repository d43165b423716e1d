package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.KernelCall;

/** Nearest-neighbour doubling or 2x2 mean. */
final class ResampleOp extends Op {
  private final Value x;
  private final boolean up;

  private ResampleOp(String label, Value x, boolean up) {
    super(label, List.of(x));
    this.x = x;
    this.up = up;
  }

  static ResampleOp up(String label, Value x) {
    return new ResampleOp(label, x, true);
  }

  static ResampleOp down(String label, Value x) {
    return new ResampleOp(label, x, false);
  }

  @Override
  Shape outputShape() {
    Shape shape = x.shape();
    return up
        ? new Shape(2 * shape.height(), 2 * shape.width(), shape.channels())
        : new Shape(shape.height() / 2, shape.width() / 2, shape.channels());
  }

  @Override
  Binding bind(PlanBuilder plan) {
    Shape shape = x.shape();
    return new Binding() {
      private StepInfo info(String pass) {
        String name = (up ? "upsample " : "downsample ") + pass;
        return StepInfo.memory(label(), name, plan.bytes(x) + plan.bytes(output()));
      }

      private KernelCall kernel(String pass) {
        return plan.operations()
            .kernel((up ? "upsample2_" : "downsample2_") + pass)
            .with("n h w c", plan.batch(), shape.height(), shape.width(), shape.channels())
            .with("dtype", plan.type(x));
      }

      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            info("forward"),
            List.of(in, y),
            () -> kernel("forward").with("x y", in.address(), y.address()));
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
            info("backward"),
            List.of(dy, dx),
            () ->
                kernel("backward")
                    .with("dy dx accumulate", dy.address(), dx.address(), accumulate));
      }
    };
  }
}
