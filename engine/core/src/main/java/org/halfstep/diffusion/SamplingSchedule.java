package org.halfstep.diffusion;

import java.util.ArrayList;
import java.util.List;

/**
 * The steps of a sampler in the order they run. Sampling is the loop over them; each is one
 * evaluation of a distilled network (two of a guided teacher).
 *
 * @param sampler name for reports, such as {@code ddim}
 * @param gridSteps N of the time grid i/N
 * @param steps at least one
 */
public record SamplingSchedule(String sampler, int gridSteps, List<SamplingStep> steps) {
  public SamplingSchedule {
    steps = List.copyOf(steps);
    if (steps.isEmpty()) {
      throw new IllegalArgumentException("the sampler " + sampler + " has no steps");
    }
  }

  /** DDIM from noise at time 1 to an image in N equal steps. */
  public static SamplingSchedule ddim(NoiseSchedule schedule, int n) {
    return ddimFrom(schedule, n, n);
  }

  /**
   * DDIM from time {@code start / n} to an image on the grid of n steps: what image-to-image runs
   * after noising.
   *
   * @param start 1 .. n
   */
  public static SamplingSchedule ddimFrom(NoiseSchedule schedule, int n, int start) {
    requireSteps(n);
    if (start < 1 || start > n) {
      throw new IllegalArgumentException(
          "the first grid index must be in 1 .. " + n + ", got " + start);
    }
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = start; i >= 1; i--) {
      steps.add(DdimStep.between(schedule, time(i, n), time(i - 1, n)));
    }
    return new SamplingSchedule("ddim", n, steps);
  }

  /** DDIM run backwards: from an image at time 0 to noise at time 1 in N equal steps. */
  public static SamplingSchedule encode(NoiseSchedule schedule, int n) {
    requireSteps(n);
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      steps.add(DdimStep.between(schedule, time(i, n), time(i + 1, n)));
    }
    return new SamplingSchedule("encode", n, steps);
  }

  /**
   * Ancestral sampling in N equal steps; see {@link AncestralStep} for the interpolation of the
   * variance.
   */
  public static SamplingSchedule ancestral(NoiseSchedule schedule, int n, double interpolation) {
    requireSteps(n);
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = n; i >= 1; i--) {
      steps.add(AncestralStep.between(schedule, time(i, n), time(i - 1, n), interpolation));
    }
    return new SamplingSchedule("ancestral", n, steps);
  }

  /**
   * The stochastic N-step sampler of Meng et al., section 3.3: from i/N a deterministic step of two
   * grid intervals, then noise for one interval, so that the network is evaluated at 1, 1 - 1/N,
   * ..., 1/N and noise is added N - 1 times. From 1/N one interval remains. The network must have
   * been distilled for these longer steps ({@link DistillationTarget#stochastic}).
   */
  public static SamplingSchedule stochastic(NoiseSchedule schedule, int n) {
    requireSteps(n);
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = n; i >= 2; i--) {
      SamplingStep jump = DdimStep.between(schedule, time(i, n), time(i - 2, n));
      ForwardStep back = ForwardStep.between(schedule, time(i - 2, n), time(i - 1, n));
      steps.add(
          new SamplingStep(
              jump.time(),
              time(i - 1, n),
              jump.alpha(),
              jump.sigma(),
              jump.toNext().times(back.scale()),
              back.noise()));
    }
    steps.add(DdimStep.between(schedule, time(1, n), 0));
    return new SamplingSchedule("stochastic", n, steps);
  }

  /**
   * Network evaluations per image.
   *
   * @param branches evaluations per step: 1 for a distilled student, {@link Guidance#branches} for
   *     a teacher
   */
  public int evaluations(int branches) {
    return branches * steps.size();
  }

  private static double time(int i, int n) {
    return (double) i / n;
  }

  private static void requireSteps(int n) {
    if (n < 1) {
      throw new IllegalArgumentException("a sampler needs at least one step, got " + n);
    }
  }
}
