package org.halfstep.graph;

import java.util.List;

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
  Value.Storage outputStorage() {
    return x.storage();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    Shape shape = x.shape();
    String name = up ? "upsample" : "downsample";
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), name + " forward", plan.bytes(x) + plan.bytes(output())),
            List.of(in, y),
            () ->
                up
                    ? plan.operations()
                        .upsampleForward(
                            in.address(),
                            y.address(),
                            plan.batch(),
                            shape.height(),
                            shape.width(),
                            shape.channels(),
                            plan.type(x))
                    : plan.operations()
                        .downsampleForward(
                            in.address(),
                            y.address(),
                            plan.batch(),
                            shape.height(),
                            shape.width(),
                            shape.channels(),
                            plan.type(x)));
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
            StepInfo.memory(label(), name + " backward", plan.bytes(x) + plan.bytes(output())),
            List.of(dy, dx),
            () ->
                up
                    ? plan.operations()
                        .upsampleBackward(
                            dy.address(),
                            dx.address(),
                            accumulate,
                            plan.batch(),
                            shape.height(),
                            shape.width(),
                            shape.channels(),
                            plan.type(x))
                    : plan.operations()
                        .downsampleBackward(
                            dy.address(),
                            dx.address(),
                            accumulate,
                            plan.batch(),
                            shape.height(),
                            shape.width(),
                            shape.channels(),
                            plan.type(x)));
      }
    };
  }
}
