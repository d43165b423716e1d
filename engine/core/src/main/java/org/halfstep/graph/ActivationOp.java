package org.halfstep.graph;

import java.util.List;
import java.util.Locale;
import org.halfstep.device.Activation;
import org.halfstep.device.Launch;

/** An activation as an op of its own. */
final class ActivationOp extends Op {
  private final Value x;
  private final Activation activation;

  ActivationOp(String label, Value x, Activation activation) {
    super(label, List.of(x));
    this.x = x;
    this.activation = activation;
    if (activation == Activation.NONE) {
      throw new IllegalArgumentException(label + ": no activation is no op");
    }
  }

  /** Emits an activation from one buffer to another, which may be the same. */
  static void emit(
      PlanBuilder plan, String label, Activation activation, Value x, Buffer from, Buffer to) {
    plan.step(
        StepInfo.memory(label, name(activation) + " forward", 2 * plan.bytes(x)),
        List.of(from, to),
        () -> forward(plan, activation, x, from.address(), to.address()));
  }

  private static Launch forward(
      PlanBuilder plan, Activation activation, Value x, long from, long to) {
    return switch (activation) {
      case SILU -> plan.operations().siluForward(from, to, plan.count(x), plan.type(x));
      case RELU ->
          plan.operations()
              .clamp(from, to, 0, Float.POSITIVE_INFINITY, plan.count(x), plan.type(x));
      case NONE -> throw new IllegalStateException("no activation has no launch");
    };
  }

  private static String name(Activation activation) {
    return activation.name().toLowerCase(Locale.ROOT);
  }

  @Override
  Shape outputShape() {
    return x.shape();
  }

  @Override
  Value.Storage outputStorage() {
    return x.storage();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    if (plan.training() && activation != Activation.SILU) {
      throw new IllegalArgumentException(
          label() + ": " + name(activation) + " has no backward pass; it is for inference only");
    }
    return new Binding() {
      @Override
      public void forward() {
        emit(plan, label(), activation, x, plan.buffer(x), plan.buffer(output()));
      }

      @Override
      public void backward() {
        if (!plan.needsGradient(x)) {
          return;
        }
        boolean accumulate = plan.claimGradient(x);
        Buffer in = plan.buffer(x);
        Buffer dy = plan.gradient(output());
        Buffer dx = plan.gradient(x);
        plan.step(
            StepInfo.memory(label(), "silu backward", 3 * plan.bytes(x)),
            List.of(in, dy, dx),
            () ->
                plan.operations()
                    .siluBackward(
                        in.address(),
                        dy.address(),
                        dx.address(),
                        accumulate,
                        plan.count(x),
                        plan.type(x)));
      }
    };
  }
}
