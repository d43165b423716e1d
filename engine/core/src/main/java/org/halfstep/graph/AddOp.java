package org.halfstep.graph;

import java.util.List;

/** Sum of two values of the same shape. */
final class AddOp extends Op {
  private final Value a;
  private final Value b;

  AddOp(String label, Value a, Value b) {
    super(label, List.of(a, b));
    this.a = a;
    this.b = b;
    if (!a.shape().equals(b.shape())) {
      throw new IllegalArgumentException("cannot add " + a + " and " + b);
    }
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      @Override
      public void forward() {
        Buffer first = plan.buffer(a);
        Buffer second = plan.buffer(b);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "add", 3 * plan.bytes(output())),
            List.of(first, second, y),
            () ->
                plan.operations()
                    .add(
                        first.address(),
                        second.address(),
                        y.address(),
                        plan.count(output()),
                        plan.type(output())));
      }

      @Override
      public void backward() {
        // Only one side may share memory with the sum's gradient: both may be added to later.
        plan.copyGradient(output(), b, label());
        plan.passGradient(output(), a, label());
      }
    };
  }
}
