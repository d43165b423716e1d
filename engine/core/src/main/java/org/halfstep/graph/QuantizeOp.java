package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;

/** Activations to bytes; the two sources of a concatenation end up side by side. */
final class QuantizeOp extends Op {
  private final Value x;
  private final Quantizer quantizer;

  QuantizeOp(String label, Value x, Quantizer quantizer) {
    super(label, List.of(x));
    this.x = x;
    this.quantizer = quantizer;
    if (x.sources().size() > 2) {
      throw new IllegalArgumentException(x + " has more than two sources");
    }
  }

  @Override
  Value.Storage outputStorage() {
    return Value.Storage.BYTES;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    Quantizer.requireInference(plan);
    Value first = x.sources().getFirst();
    Value second = x.isConcatenation() ? x.sources().get(1) : null;
    return new Binding() {
      @Override
      public void forward() {
        Buffer in0 = plan.buffer(first);
        Buffer in1 = second == null ? null : plan.buffer(second);
        Buffer y = plan.buffer(output());
        List<Buffer> uses = new ArrayList<>(List.of(in0, y));
        if (in1 != null) {
          uses.add(in1);
        }
        long read = plan.bytes(first) + (second == null ? 0 : plan.bytes(second));
        plan.step(
            StepInfo.memory(label(), "quantize", read + plan.bytes(output())),
            uses,
            () ->
                plan.operations()
                    .kernel("quantize")
                    .with("rows dtype", (long) plan.batch() * x.shape().pixels(), plan.type(first))
                    .with("x0 c0", in0.address(), first.shape().channels())
                    .with("x1", in1 == null ? 0L : in1.address())
                    .with("c1", second == null ? 0 : second.shape().channels())
                    .with("y scale", y.address(), plan.weight(quantizer.scale()))
                    .with("zero", plan.weight(quantizer.zeroPoint())));
      }

      @Override
      public void backward() {
        throw new IllegalStateException(label() + " has no backward pass");
      }
    };
  }
}
