package org.halfstep.sample;

import org.halfstep.diffusion.LinearMap;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.diffusion.SamplingStep;
import org.halfstep.diffusion.Solver;

/**
 * A sampler's steps with everything that a loop over them asks for already worked out, for networks
 * of one kind of output.
 */
final class PreparedSchedule {
  private final Solver solver;
  private final int steps;
  private final SamplingStep[] stages;
  private final LinearMap[] toNext;
  private final LinearMap[] toImage;
  private final LinearMap[] fromImage;
  private final boolean keepsImages;

  /**
   * @param steps the number asked for
   * @param output what the network predicts
   * @throws IllegalArgumentException if a step cannot be formed from such an output
   */
  PreparedSchedule(Solver solver, int steps, SamplingSchedule schedule, Parameterization output) {
    this.solver = solver;
    this.steps = steps;
    this.stages = schedule.steps().toArray(SamplingStep[]::new);
    this.toNext = new LinearMap[stages.length];
    this.toImage = new LinearMap[stages.length];
    this.fromImage = new LinearMap[stages.length];
    boolean keeps = false;
    for (int i = 0; i < stages.length; i++) {
      SamplingStep stage = stages[i];
      LinearMap toV = output.to(Parameterization.V, stage.alpha(), stage.sigma());
      if (!Double.isFinite(toV.onZ()) || !Double.isFinite(toV.onOutput())) {
        throw new IllegalArgumentException(
            "a network that predicts "
                + output
                + " says nothing of the image at time "
                + stage.time()
                + ", where only noise is left: sample from a model that predicts v");
      }
      toNext[i] = stage.toNext().after(toV);
      toImage[i] = output.to(Parameterization.X, stage.alpha(), stage.sigma());
      fromImage[i] = stage.toNextFromX();
      keeps |= stage.onPrevious() != 0;
    }
    this.keepsImages = keeps;
  }

  Solver solver() {
    return solver;
  }

  /** The number of steps asked for. */
  int steps() {
    return steps;
  }

  int evaluations() {
    return stages.length;
  }

  SamplingStep step(int index) {
    return stages[index];
  }

  /** Whether a step reads the image that the one before it predicted. */
  boolean keepsImages() {
    return keepsImages;
  }

  /** Coefficients on (z, output) that give the next z. */
  LinearMap toNext(int index) {
    return toNext[index];
  }

  /** Coefficients on (z, output) that give the predicted image. */
  LinearMap toImage(int index) {
    return toImage[index];
  }

  /** Coefficients on (z, predicted image) that give the next z. */
  LinearMap fromImage(int index) {
    return fromImage[index];
  }
}
