package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.KernelCall;

/** Two sequences of tokens as one. */
final class JoinOp extends Op {
  private final Value first;
  private final Value second;

  JoinOp(String label, Value first, Value second) {
    super(label, List.of(first, second));
    this.first = first;
    this.second = second;
    if (first.shape().channels() != second.shape().channels()
        || first.storage() != second.storage()) {
      throw new IllegalArgumentException(
          label + ": " + first + " and " + second + " are not of one width and type");
    }
  }

  @Override
  Shape outputShape() {
    int tokens = first.shape().pixels() + second.shape().pixels();
    return new Shape(tokens, 1, first.shape().channels());
  }

  /** A sample is a row of columns: those of one sequence, then those of the other. */
  @Override
  Binding bind(PlanBuilder plan) {
    int whole = outputShape().size();
    return new Binding() {
      private KernelCall copy(Value part) {
        return plan.operations()
            .kernel("copy_columns")
            .with("rows columns dtype", plan.batch(), part.shape().size(), plan.type(part));
      }

      @Override
      public void forward() {
        forward(first, 0);
        forward(second, first.shape().size());
      }

      private void forward(Value part, int offset) {
        Buffer in = plan.buffer(part);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "join forward", 2 * plan.bytes(part)),
            List.of(in, y),
            () ->
                copy(part)
                    .with("src src_stride", in.address(), part.shape().size())
                    .with("dst dst_stride dst_offset", y.address(), whole, offset));
      }

      @Override
      public void backward() {
        backward(first, 0);
        backward(second, first.shape().size());
      }

      private void backward(Value part, int offset) {
        if (!plan.needsGradient(part)) {
          return;
        }
        boolean accumulate = plan.claimGradient(part);
        Buffer dy = plan.gradient(output());
        Buffer dx = plan.gradient(part);
        plan.step(
            StepInfo.memory(label(), "join backward", 2 * plan.bytes(part)),
            List.of(dy, dx),
            () ->
                copy(part)
                    .with("src src_stride src_offset", dy.address(), whole, offset)
                    .with(
                        "dst dst_stride accumulate",
                        dx.address(),
                        part.shape().size(),
                        accumulate));
      }
    };
  }
}
