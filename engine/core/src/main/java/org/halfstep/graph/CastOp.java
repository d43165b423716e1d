package org.halfstep.graph;

import java.util.List;

/** Changes between float32 and the plan's activation type; free when they are the same. */
final class CastOp extends Op {
  private final Value x;
  private final Value.Storage storage;

  CastOp(String label, Value x, Value.Storage storage) {
    super(label, List.of(x));
    this.x = x;
    this.storage = storage;
  }

  @Override
  Value.Storage outputStorage() {
    return storage;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    boolean same = plan.type(x).storedLike(plan.type(output()));
    return new Binding() {
      @Override
      public void forward() {
        if (same) {
          plan.alias(output(), x);
          return;
        }
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "cast", plan.bytes(x) + plan.bytes(output())),
            List.of(in, y),
            () ->
                plan.operations()
                    .convert(
                        in.address(),
                        plan.type(x),
                        y.address(),
                        plan.type(output()),
                        plan.count(x)));
      }

      @Override
      public void backward() {
        if (same) {
          plan.passGradient(output(), x, label());
          return;
        }
        Buffer dy = plan.gradient(output());
        plan.writeGradient(
            x,
            label(),
            target ->
                plan.step(
                    StepInfo.memory(label(), "cast", plan.bytes(x) + plan.bytes(output())),
                    List.of(dy, target),
                    () ->
                        plan.operations()
                            .convert(
                                dy.address(),
                                plan.type(output()),
                                target.address(),
                                plan.type(x),
                                plan.count(x))));
      }
    };
  }
}
