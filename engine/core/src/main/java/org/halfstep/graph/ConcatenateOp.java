package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.KernelCall;

/** Copies a concatenation into memory of its own, for ops that cannot read two sources. */
final class ConcatenateOp extends Op {
  private final Value x;

  ConcatenateOp(String label, Value x) {
    super(label, List.of(x));
    this.x = x;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    long rows = (long) plan.batch() * x.shape().pixels();
    int channels = x.shape().channels();
    return new Binding() {
      private KernelCall copy(int columns) {
        return plan.operations()
            .kernel("copy_columns")
            .with("rows columns dtype", rows, columns, plan.type(output()));
      }

      @Override
      public void forward() {
        Buffer y = plan.buffer(output());
        int offset = 0;
        for (Value source : x.sources()) {
          Buffer in = plan.buffer(source);
          int columns = source.shape().channels();
          int at = offset;
          plan.step(
              StepInfo.memory(label(), "concatenate forward", 2 * plan.bytes(source)),
              List.of(in, y),
              () ->
                  copy(columns)
                      .with("src src_stride", in.address(), columns)
                      .with("dst dst_stride dst_offset", y.address(), channels, at));
          offset += columns;
        }
      }

      @Override
      public void backward() {
        Buffer dy = plan.gradient(output());
        int offset = 0;
        for (Value source : x.sources()) {
          int columns = source.shape().channels();
          int at = offset;
          offset += columns;
          if (!plan.needsGradient(source)) {
            continue;
          }
          boolean accumulate = plan.claimGradient(source);
          Buffer dx = plan.gradient(source);
          plan.step(
              StepInfo.memory(label(), "concatenate backward", 2 * plan.bytes(source)),
              List.of(dy, dx),
              () ->
                  copy(columns)
                      .with("src src_stride src_offset", dy.address(), channels, at)
                      .with("dst dst_stride accumulate", dx.address(), columns, accumulate));
        }
      }
    };
  }
}
