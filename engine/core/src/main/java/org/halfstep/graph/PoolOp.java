package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.PoolShape;
import org.halfstep.device.Window;

/** The mean or the largest of the pixels in a window; for inference only. */
final class PoolOp extends Op {
  private final Value x;
  private final Window window;
  private final boolean average;

  PoolOp(String label, Value x, Window window, boolean average) {
    super(label, List.of(x));
    this.x = x;
    this.window = window;
    this.average = average;
  }

  @Override
  Shape outputShape() {
    return new Shape(
        window.outputHeight(x.shape().height()),
        window.outputWidth(x.shape().width()),
        x.shape().channels());
  }

  @Override
  Value.Storage outputStorage() {
    return x.storage();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    if (plan.training()) {
      throw new IllegalArgumentException(
          label() + ": a pool has no backward pass; it is for inference only");
    }
    PoolShape shape =
        new PoolShape(
            plan.batch(),
            x.shape().height(),
            x.shape().width(),
            x.shape().channels(),
            window,
            average,
            plan.type(x));
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(
                label(),
                average ? "average pool" : "max pool",
                plan.bytes(x) + plan.bytes(output())),
            List.of(in, y),
            () -> plan.operations().pool(shape, in.address(), y.address()));
      }

      @Override
      public void backward() {
        throw new IllegalStateException(label() + ": a pool has no backward pass");
      }
    };
  }
}
