package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.Launch;

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
    if (table.shape().size() > 2) {
      throw new IllegalArgumentException(label + ": " + table + " is no table, and no row of one");
    }
  }

  Parameter table() {
    return table;
  }

  /** A vector is a table of one row. */
  private int rows() {
    return table.shape().size() == 1 ? 1 : table.shape().getFirst();
  }

  @Override
  Shape outputShape() {
    return new Shape(ids.shape().height(), ids.shape().width(), table.shape().getLast());
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
    int rows = rows();
    int dimension = table.shape().getLast();
    return new Binding() {
      @Override
      public void forward() {
        Buffer named = plan.buffer(ids);
        Buffer y = plan.buffer(output());
        int count = Math.toIntExact(plan.count(ids));
        plan.step(
            StepInfo.memory(label(), "embedding forward", 2 * plan.bytes(output())),
            List.of(named, y),
            () -> {
              Launch stored = plan.rows(table, named, count, y);
              return stored != null
                  ? stored
                  : plan.operations()
                      .kernel("embedding_forward")
                      .with("n rows dim", (long) count, rows, dimension)
                      .with("table ids y", plan.weight(table), named.address(), y.address());
            });
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
