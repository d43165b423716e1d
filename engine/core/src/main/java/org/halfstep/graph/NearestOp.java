package org.halfstep.graph;

import java.util.List;

/**
 * The number of the row of a codebook that is nearest to each pixel, the first of equals: what a
 * vector-quantized autoencoder looks up ({@link EmbeddingOp} gives the rows). For inference only.
 */
final class NearestOp extends Op {
  private final Value x;
  private final Parameter table;

  NearestOp(String label, Value x, Parameter table) {
    super(label, List.of(x));
    this.x = x;
    this.table = table;
    if (table.shape().size() != 2 || table.shape().get(1) != x.shape().channels()) {
      throw new IllegalArgumentException(
          label + ": the rows of " + table + " do not have the channels of " + x);
    }
  }

  @Override
  Shape outputShape() {
    return new Shape(x.shape().height(), x.shape().width(), 1);
  }

  @Override
  Value.Storage outputStorage() {
    return Value.Storage.I32;
  }

  @Override
  boolean isDifferentiable() {
    return false;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    if (plan.training()) {
      throw new IllegalArgumentException(
          label() + ": the look-up of a codebook has no backward pass; it is for inference only");
    }
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        long rows = plan.count(output());
        int entries = table.shape().getFirst();
        long flops = 3L * rows * entries * x.shape().channels();
        plan.step(
            new StepInfo(label(), "nearest row", flops, plan.bytes(x) + plan.bytes(output())),
            List.of(in, y),
            () ->
                plan.operations()
                    .kernel("nearest_row")
                    .with(
                        "rows dim entries dtype", rows, x.shape().channels(), entries, plan.type(x))
                    .with("x table ids", in.address(), plan.weight(table), y.address()));
      }

      @Override
      public void backward() {
        throw new IllegalStateException(label() + " has no backward pass");
      }
    };
  }
}
