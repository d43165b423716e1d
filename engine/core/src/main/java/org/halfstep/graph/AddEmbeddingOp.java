package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.DataType;

/** base + table[label]. */
final class AddEmbeddingOp extends Op {
  private final Value base;
  private final Parameter table;
  private final Value labels;

  AddEmbeddingOp(String label, Value base, Parameter table, Value labels) {
    super(label, List.of(base, labels));
    this.base = base;
    this.table = table;
    this.labels = labels;
    if (table.shape().get(1) != base.shape().channels()) {
      throw new IllegalArgumentException(table + " does not fit " + base);
    }
  }

  @Override
  Shape outputShape() {
    return base.shape();
  }

  @Override
  Value.Storage outputStorage() {
    return Value.Storage.F32;
  }

  @Override
  boolean hasParameters() {
    return true;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    int rows = table.shape().get(0);
    int dimension = table.shape().get(1);
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(base);
        Buffer ids = plan.buffer(labels);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "embedding forward", 2 * plan.bytes(output())),
            List.of(ids, y),
            () ->
                plan.operations()
                    .embeddingForward(
                        plan.weight(table),
                        ids.address(),
                        y.address(),
                        false,
                        plan.batch(),
                        rows,
                        dimension));
        plan.step(
            StepInfo.memory(label(), "add", 3 * plan.bytes(output())),
            List.of(in, y),
            () ->
                plan.operations()
                    .add(
                        in.address(),
                        y.address(),
                        y.address(),
                        plan.count(output()),
                        DataType.F32));
      }

      @Override
      public void backward() {
        Buffer ids = plan.buffer(labels);
        Buffer dy = plan.gradient(output());
        plan.step(
            StepInfo.memory(label(), "embedding backward", 2 * plan.bytes(output())),
            List.of(ids, dy),
            () ->
                plan.operations()
                    .embeddingBackward(
                        dy.address(),
                        ids.address(),
                        plan.weightGradient(table),
                        plan.batch(),
                        rows,
                        dimension));
        plan.passGradient(output(), base, label());
      }
    };
  }
}
