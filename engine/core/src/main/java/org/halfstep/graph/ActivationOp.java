package org.halfstep.graph;

import java.util.List;
import java.util.Locale;
import org.halfstep.device.Activation;

/** An activation as an op of its own. */
final class ActivationOp extends Op {
  private final Value x;
  private final Activation activation;

  ActivationOp(String label, Value x, Activation activation) {
    super(label, List.of(x));
    this.x = x;
    this.activation = activation;
    if (activation == Activation.NONE) {
      throw new IllegalArgumentException(label + ": an activation op needs an activation");
    }
  }

  /** Emits an activation from one buffer to another, which may be the same. */
  static void emit(
      PlanBuilder plan, String label, Activation activation, Value x, Buffer from, Buffer to) {
    plan.step(
        StepInfo.memory(label, name(activation) + " forward", 2 * plan.bytes(x)),
        List.of(from, to),
        () ->
            plan.operations()
                .kernel("activation_forward")
                .with("function count dtype", activation, plan.count(x), plan.type(x))
                .with("x y", from.address(), to.address()));
  }

  /** Emits the gradient of what an activation read from that of what it wrote. */
  static void emitGradient(
      PlanBuilder plan, String label, Activation activation, Value x, Value output) {
    boolean accumulate = plan.claimGradient(x);
    Buffer in = plan.buffer(x);
    Buffer dy = plan.gradient(output);
    Buffer dx = plan.gradient(x);
    plan.step(
        StepInfo.memory(label, name(activation) + " backward", 3 * plan.bytes(x)),
        List.of(in, dy, dx),
        () ->
            plan.operations()
                .kernel("activation_backward")
                .with("function count dtype", activation, plan.count(x), plan.type(x))
                .with("x dy dx accumulate", in.address(), dy.address(), dx.address(), accumulate));
  }

  private static String name(Activation activation) {
    return activation.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      @Override
      public void forward() {
        emit(plan, label(), activation, x, plan.buffer(x), plan.buffer(output()));
      }

      @Override
      public void backward() {
        if (plan.needsGradient(x)) {
          emitGradient(plan, label(), activation, x, output());
        }
      }
    };
  }
}
