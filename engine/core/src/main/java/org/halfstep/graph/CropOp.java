package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.KernelCall;

/** The upper left part of an image. */
final class CropOp extends Op {
  private final Value x;
  private final int height;
  private final int width;

  CropOp(String label, Value x, int height, int width) {
    super(label, List.of(x));
    this.x = x;
    this.height = height;
    this.width = width;
    if (height > x.shape().height() || width > x.shape().width()) {
      throw new IllegalArgumentException(
          label + ": " + x + " has no part of " + height + "x" + width + " pixels");
    }
  }

  @Override
  Shape outputShape() {
    return new Shape(height, width, x.shape().channels());
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      /** The part is what a kernel's x is, the whole its y. */
      private KernelCall kernel(String name, Buffer part, Buffer whole) {
        Shape of = x.shape();
        return plan.operations()
            .kernel(name)
            .with("n h w c", plan.batch(), height, width, of.channels())
            .with("out_h out_w out_c", of.height(), of.width(), of.channels())
            .with("dtype x y", plan.type(x), part.address(), whole.address());
      }

      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "crop forward", 2 * plan.bytes(output())),
            List.of(in, y),
            () -> kernel("crop", y, in));
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
            StepInfo.memory(label(), "crop backward", plan.bytes(x) + plan.bytes(output())),
            List.of(dy, dx),
            () -> kernel("pad", dy, dx).with("accumulate", accumulate));
      }
    };
  }
}
