package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.KernelCall;

/** Adds a table's row t to the pixel, or token, t of every sample. */
final class PositionOp extends Op {
  private final Value x;
  private final Parameter table;

  PositionOp(String label, Value x, Parameter table) {
    super(label, List.of(x));
    this.x = x;
    this.table = table;
    if (!table.shape().equals(List.of(x.shape().pixels(), x.shape().channels()))) {
      throw new IllegalArgumentException(
          label + ": " + table + " has not one row for each pixel of " + x);
    }
  }

  @Override
  boolean hasParameters() {
    return true;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        // Each sample is one pixel with as many channels as the table has numbers.
        plan.step(
            StepInfo.memory(label(), "position forward", 2 * plan.bytes(x)),
            List.of(in, y),
            () ->
                plan.operations()
                    .kernel("add_per_channel")
                    .with("n hw c e_stride", 1, plan.batch(), table.size(), table.size())
                    .with("x y dtype", in.address(), y.address(), plan.type(x))
                    .with("e", plan.weight(table)));
      }

      private KernelCall sum() {
        return plan.operations()
            .kernel("sum_rows")
            .with("rows c dtype", plan.batch(), table.size(), plan.type(x));
      }

      @Override
      public void backward() {
        Buffer dy = plan.gradient(output());
        Buffer workspace =
            plan.transientBuffer(label() + " workspace", sum().workspaceBytes(false));
        plan.step(
            StepInfo.memory(label(), "position backward", plan.bytes(x)),
            List.of(dy, workspace),
            () ->
                sum()
                    .with("x out", dy.address(), plan.weightGradient(table))
                    .with("workspace", workspace.address()));
        plan.passGradient(output(), x, label());
      }
    };
  }
}
