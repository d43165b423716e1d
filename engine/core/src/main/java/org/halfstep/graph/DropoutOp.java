package org.halfstep.graph;

import java.util.List;

/**
 * Inverted dropout in training; the value itself in inference. The backward pass redraws the same
 * mask.
 */
final class DropoutOp extends Op {
  private final Value x;
  private final Dropout dropout;

  DropoutOp(Value x, Dropout dropout) {
    super(dropout.name(), List.of(x));
    this.x = x;
    this.dropout = dropout;
  }

  @Override
  boolean draws() {
    return true;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      @Override
      public void forward() {
        if (plan.training()) {
          dropout.emit(plan, x, plan.buffer(x), plan.buffer(output()));
        } else {
          plan.alias(output(), x);
        }
      }

      @Override
      public void backward() {
        plan.writeGradient(
            x, label(), target -> dropout.emit(plan, x, plan.gradient(output()), target));
      }
    };
  }
}
