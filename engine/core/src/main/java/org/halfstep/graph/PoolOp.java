package org.halfstep.graph;

import java.util.List;
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
    window.requireFits(x.shape().height(), x.shape().width());
    if (!window.isSymmetric()
        || window.top() >= window.height()
        || window.left() >= window.width()) {
      throw new IllegalArgumentException(
          label
              + ": a pool is padded alike on opposite sides, with less than its window, got "
              + window);
    }
  }

  @Override
  Shape outputShape() {
    return new Shape(
        window.outputHeight(x.shape().height()),
        window.outputWidth(x.shape().width()),
        x.shape().channels());
  }

  @Override
  Binding bind(PlanBuilder plan) {
    if (plan.training()) {
      throw new IllegalArgumentException(
          label() + ": a pool has no backward pass; it is for inference only");
    }
    Shape of = x.shape();
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
            () ->
                plan.operations()
                    .kernel("pool")
                    .with("n h w c", plan.batch(), of.height(), of.width(), of.channels())
                    .with("rows columns stride", window.height(), window.width(), window.stride())
                    .with("row_padding column_padding", window.top(), window.left())
                    .with("x y dtype", in.address(), y.address(), plan.type(x))
                    .with("average", average));
      }

      @Override
      public void backward() {
        throw new IllegalStateException(label() + ": a pool has no backward pass");
      }
    };
  }
}
