package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.KernelCall;

/** Layer normalisation: over the channels of each pixel, or token, alone. */
final class LayerNormOp extends Op {
  private final Value x;
  private final Parameter weight;
  private final Parameter bias;
  private final float eps;

  /**
   * @param weight per channel
   * @param bias per channel
   * @param eps added to the variance, in (0, 1]
   */
  LayerNormOp(String label, Value x, Parameter weight, Parameter bias, float eps) {
    super(label, List.of(x));
    this.x = x;
    this.weight = weight;
    this.bias = bias;
    this.eps = eps;
    int channels = x.shape().channels();
    if (weight.size() != channels || bias.size() != channels) {
      throw new IllegalArgumentException(
          label + ": " + weight + " and " + bias + " are not one number per channel of " + x);
    }
    if (!(eps > 0) || eps > 1) {
      throw new IllegalArgumentException(label + ": eps must lie in (0, 1], got " + eps);
    }
  }

  @Override
  boolean hasParameters() {
    return true;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Binding() {
      private KernelCall kernel(String name) {
        return plan.operations()
            .kernel(name)
            .with("rows c", (long) plan.batch() * x.shape().pixels(), x.shape().channels())
            .with("eps dtype", eps, plan.type(x));
      }

      @Override
      public void forward() {
        Buffer in = plan.buffer(x);
        Buffer y = plan.buffer(output());
        plan.step(
            StepInfo.memory(label(), "layer norm forward", 2 * plan.bytes(x)),
            List.of(in, y),
            () ->
                kernel("layer_norm_forward")
                    .with("x y", in.address(), y.address())
                    .with("weight bias", plan.weight(weight), plan.weight(bias)));
      }

      @Override
      public void backward() {
        boolean wanted = plan.needsGradient(x);
        boolean accumulate = wanted && plan.claimGradient(x);
        Buffer in = plan.buffer(x);
        Buffer dy = plan.gradient(output());
        Buffer dx = wanted ? plan.gradient(x) : null;
        Buffer workspace =
            plan.transientBuffer(
                label() + " workspace", kernel("layer_norm_backward").workspaceBytes(true));
        List<Buffer> uses = new ArrayList<>(List.of(in, dy, workspace));
        if (wanted) {
          uses.add(dx);
        }
        plan.step(
            StepInfo.memory(label(), "layer norm backward", 3 * plan.bytes(x)),
            uses,
            () ->
                kernel("layer_norm_backward")
                    .with("x dy dx", in.address(), dy.address(), wanted ? dx.address() : 0L)
                    .with("accumulate weight", accumulate, plan.weight(weight))
                    .with("dweight dbias", plan.weightGradient(weight), plan.weightGradient(bias))
                    .with("workspace", workspace.address()));
      }
    };
  }
}
