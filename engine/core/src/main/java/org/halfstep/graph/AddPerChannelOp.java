package org.halfstep.graph;

import java.util.List;

/** Adds one number per sample and channel to every pixel. */
final class AddPerChannelOp extends Op {
  private final Value x;
  private final Slice e;

  AddPerChannelOp(String label, Value x, Slice e) {
    super(label, List.of(x, e.vector()));
    this.x = x;
    this.e = e;
    if (e.channels() != x.shape().channels()) {
      throw new IllegalArgumentException(e.channels() + " numbers do not fit the channels of " + x);
    }
  }

  @Override
  Binding bind(PlanBuilder plan) {
    int stride = e.vector().shape().channels();
    int pixels = x.shape().pixels();
    int channels = x.shape().channels();
    return new Binding() {
      private long slice(Buffer buffer) {
        return buffer.address() + (long) Float.BYTES * e.offset();
      }

      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer vector = plan.buffer(e.vector());
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "add per channel", 2 * plan.bytes(x)),
            List.of(in, vector, y),
            () ->
                plan.operations()
                    .kernel("add_per_channel")
                    .with("n hw c dtype", plan.batch(), pixels, channels, plan.type(x))
                    .with("x e e_stride y", in.address(), slice(vector), stride, y.address()));
      }

      @Override
      public void backward() {
        Buffer dy = plan.gradient(output());
        plan.claimSlice(e);
        Buffer de = plan.gradient(e.vector());
        plan.step(
            StepInfo.memory(label(), "sum pixels", plan.bytes(x)),
            List.of(dy, de),
            () ->
                plan.operations()
                    .kernel("sum_pixels")
                    .with("n hw c dtype", plan.batch(), pixels, channels, plan.type(x))
                    .with("x out out_stride", dy.address(), slice(de), stride));
        plan.passGradient(output(), x, label());
      }
    };
  }
}
