package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.KernelCall;

/**
 * A latent of a Gaussian over latents, drawn with noise that is given, and the divergence of that
 * Gaussian from the standard normal distribution, whose gradient joins that of the latent.
 */
final class PosteriorOp extends Op {
  private final Value moments;
  private final Value noise;
  private final float weight;
  private final Value divergence;

  /**
   * @param weight of the mean divergence of a batch, at least 0
   * @param divergence one number per sample
   */
  PosteriorOp(String label, Value moments, Value noise, float weight, Value divergence) {
    super(label, List.of(moments, noise));
    this.moments = moments;
    this.noise = noise;
    this.weight = weight;
    this.divergence = divergence;
    Shape drawn = noise.shape();
    Shape wanted = new Shape(drawn.height(), drawn.width(), 2 * drawn.channels());
    if (!moments.shape().equals(wanted)
        || moments.isConcatenation()
        || moments.storage() != Value.Storage.F32
        || noise.storage() != Value.Storage.F32) {
      throw new IllegalArgumentException(
          label + ": " + moments + " are not means and logarithms of variances for " + noise);
    }
    if (!(weight >= 0) || Float.isInfinite(weight)) {
      throw new IllegalArgumentException(
          label + ": the weight of a divergence must be finite and at least 0, got " + weight);
    }
  }

  @Override
  Shape outputShape() {
    return noise.shape();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    if (plan.needsGradient(noise)) {
      throw new IllegalArgumentException(label() + ": the noise of a latent has no gradient");
    }
    return new Binding() {
      private KernelCall kernel(String name) {
        return plan.operations()
            .kernel(name)
            .with("n hw c", plan.batch(), noise.shape().pixels(), noise.shape().channels())
            .with("moments noise", plan.buffer(moments).address(), plan.buffer(noise).address());
      }

      @Override
      public void forward() {
        Buffer z = plan.buffer(output());
        Buffer sums = plan.buffer(divergence);
        plan.step(
            StepInfo.memory(label(), "posterior forward", 4 * plan.bytes(output())),
            List.of(plan.buffer(moments), plan.buffer(noise), z, sums),
            () -> kernel("posterior_forward").with("z divergence", z.address(), sums.address()));
      }

      @Override
      public void backward() {
        if (!plan.needsGradient(moments)) {
          return;
        }
        boolean accumulate = plan.claimGradient(moments);
        Buffer dz = plan.gradient(output());
        Buffer dmoments = plan.gradient(moments);
        plan.step(
            StepInfo.memory(label(), "posterior backward", 6 * plan.bytes(output())),
            List.of(plan.buffer(moments), plan.buffer(noise), dz, dmoments),
            () ->
                kernel("posterior_backward")
                    .with("weight accumulate", weight / plan.batch(), accumulate)
                    .with("dz dmoments", dz.address(), dmoments.address()));
      }
    };
  }
}
