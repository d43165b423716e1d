package org.halfstep.diffusion;

import java.util.List;

/**
 * A step of DPM-Solver++(2M), the midpoint form (Lu et al., "DPM-Solver++", 2022, algorithm 2):
 * with L = log(alpha / sigma), h = L_next - L and the predicted images x of this step and x_before
 * of the one before,
 *
 * <pre>
 * D = x + (x - x_before) h / (2 h_before)
 * z_next = (sigma_next / sigma) z + (alpha_next - alpha sigma_next / sigma) D.</pre>
 *
 * The last coefficient is the published {@code -alpha_next (exp(-h) - 1)}, which is finite also
 * where alpha is 0 and h is not.
 */
public final class DpmSolverStep {
  private DpmSolverStep() {}

  /** The step of first order from time t to time s: that of DDIM. */
  public static SamplingStep first(NoiseSchedule schedule, double t, double s) {
    return DdimStep.between(schedule, t, s);
  }

  /**
   * The step of second order from time t to the smaller time s, which is not 0.
   *
   * @param before the time of the step before
   */
  public static SamplingStep second(NoiseSchedule schedule, double before, double t, double s) {
    DdimStep.requireTimes(t, s);
    if (!(before > t && t > s && s > 0)) {
      throw new IllegalArgumentException(
          "a step of second order needs falling times above 0, got "
              + before
              + ", "
              + t
              + " and "
              + s);
    }
    double alpha = schedule.alpha(t);
    double sigma = schedule.sigma(t);
    double onZ = schedule.sigma(s) / sigma;
    double onImage = schedule.alpha(s) - alpha * onZ;
    double h = schedule.logSnr(s) - schedule.logSnr(t);
    double hBefore = schedule.logSnr(t) - schedule.logSnr(before);
    double onDifference = onImage * h / (2 * hBefore);
    double onCurrent = onImage + onDifference;
    return new SamplingStep(
        t,
        s,
        schedule.timeInput(t),
        alpha,
        sigma,
        new LinearMap(onZ + onCurrent * alpha, -onCurrent * sigma),
        new History(Parameterization.X, true, List.of(-onDifference)),
        0);
  }
}
