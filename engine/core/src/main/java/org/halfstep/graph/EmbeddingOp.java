package org.halfstep.graph;

import java.util.List;

/**
 * The rows of a table that numbers name: of labels, of tokens, of what {@link NearestOp} found. The
 * gradients of equal rows add up in the order of the batch.
 */
final class EmbeddingOp extends Op {
  private final Parameter table;
  private final Value ids;

  EmbeddingOp(String label, Parameter table, Value ids) {
    super(label, List.of(ids));
    this.table = table;
    this.ids = ids;
    if (ids.storage() != Value.Storage.I32 || ids.shape().channels() != 1) {
      throw new IllegalArgumentException(label + ": a table is read by whole numbers, not " + ids);
    }
    if (table.shape().size() != 2) {
      throw new IllegalArgumentException(label + ": " + table + " has no rows");
    }
  }

  @Override
  Shape outputShape() {
    return new Shape(ids.shape().height(), ids.shape().width(), table.shape().get(1));
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
        Buffer named = plan.buffer(ids);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "embedding forward", 2 * plan.bytes(output())),
            List.of(named, y),
            () ->
                plan.operations()
                    .kernel("embedding_forward")
                    .with("n rows dim", plan.count(ids), rows, dimension)
                    .with("table ids y", plan.weight(table), named.address(), y.address()));
      }

      @Override
      public void backward() {
        Buffer named = plan.buffer(ids);
        Buffer dy = plan.gradient(output());
        plan.step(
            StepInfo.memory(label(), "embedding backward", 2 * plan.bytes(output())),
            List.of(named, dy),
            () ->
                plan.operations()
                    .kernel("embedding_backward")
                    .with("n rows dim", plan.count(ids), rows, dimension)
                    .with("dy ids", dy.address(), named.address())
                    .with("dtable", plan.weightGradient(table)));
      }
    };
  }
}
