package org.halfstep.sample;

import org.halfstep.diffusion.LinearMap;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.diffusion.SamplingStep;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;

/**
 * A sampler's steps with everything that a loop over them needs worked out in advance, for networks
 * of one kind of output.
 */
final class PreparedSchedule {
  /**
   * Which steps.
   *
   * @param steps the number asked for
   * @param last how many of them are run
   * @param levels of those that a consistency model was distilled at, how many the steps are spread
   *     over; all of them where it begins with noise, and for other models
   * @param isInverse whether they lead from the image to the noise
   */
  record Key(
      Solver solver,
      TimeGrid.Spacing spacing,
      TimeGrid.End end,
      int steps,
      int last,
      int levels,
      boolean isInverse) {}

  private final Key key;
  private final double start;
  private final SamplingStep[] stages;
  private final LinearMap[] toNext;
  private final LinearMap[] toKept;
  private final LinearMap[] fromKept;
  private final boolean readsHistory;

  /**
   * @param output what the network predicts
   * @throws IllegalArgumentException if a step cannot be formed from such an output
   */
  PreparedSchedule(Key key, SamplingSchedule schedule, Parameterization output) {
    this.key = key;
    this.start = schedule.start();
    this.stages = schedule.steps().toArray(SamplingStep[]::new);
    this.toNext = new LinearMap[stages.length];
    this.toKept = new LinearMap[stages.length];
    this.fromKept = new LinearMap[stages.length];
    boolean reads = false;
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
      if (!Double.isFinite(toNext[i].onZ())) {
        throw new IllegalArgumentException(
            "the "
                + key.solver()
                + " sampler divides by what is left of the image, and this schedule begins at pure"
                + " noise: use DDIM or DPM_SOLVER");
      }
      toKept[i] = output.to(stage.history().of(), stage.alpha(), stage.sigma());
      // A step that begins at the image itself has no form in what is kept, and nobody asks for it.
      fromKept[i] = stage.sigma() == 0 ? null : stage.toNextFromKept();
      reads |= stage.history().isRead();
    }
    this.readsHistory = reads;
  }

  /** Whether it is made for these steps. */
  boolean isFor(SampleRequest request, int last, int levels, boolean isInverse) {
    return key.solver == request.sampler()
        && key.spacing == request.spacing()
        && key.end == request.end()
        && key.steps == request.steps()
        && key.last == last
        && key.levels == levels
        && key.isInverse == isInverse;
  }

  int evaluations() {
    return stages.length;
  }

  SamplingStep step(int index) {
    return stages[index];
  }

  /** Whether the first of all steps is run, so that nothing of an image is left at the start. */
  boolean startsFromNoise() {
    return key.last == key.steps && key.levels == TimeGrid.CONSISTENCY_LEVELS;
  }

  /** Standard deviation of the noise that the first step begins at. */
  double start() {
    return start;
  }

  /** Scale of the data where a step leads; 1 after the last, whose noise is the image's own. */
  double nextAlpha(int index) {
    return index + 1 < stages.length ? stages[index + 1].alpha() : 1;
  }

  /** Scale of the noise where a step leads; 0 after the last. */
  double nextSigma(int index) {
    return index + 1 < stages.length ? stages[index + 1].sigma() : 0;
  }

  /** Whether a step reads what steps before it predicted. */
  boolean readsHistory() {
    return readsHistory;
  }

  /** Coefficients on (z, output) that give the next z. */
  LinearMap toNext(int index) {
    return toNext[index];
  }

  /** Coefficients on (z, output) that give what a step keeps: the predicted image, or its noise. */
  LinearMap toKept(int index) {
    return toKept[index];
  }

  /** Coefficients on (z, what is kept) that give the next z. */
  LinearMap fromKept(int index) {
    return fromKept[index];
  }
}
