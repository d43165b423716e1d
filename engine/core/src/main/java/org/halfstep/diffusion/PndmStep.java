package org.halfstep.diffusion;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Steps of PNDM's linear multistep (Liu et al., "Pseudo Numerical Methods for Diffusion Models on
 * Manifolds", 2022), as the published samplers begin it: DDIM's step with a mean of the noise that
 * this evaluation and up to three before it predicted,
 *
 * <pre>
 * z_s = (alpha_s / alpha_t) z_t - (sin(phi_t - phi_s) / alpha_t) sum_i weight_i eps_i.</pre>
 *
 * The second evaluation makes the first step again, with the mean of both ends' noise; what it
 * predicts is not kept. As a step from where the first one led that is {@code z - (b / 2) (eps -
 * eps_first)}, so that where the first one began need not be kept either.
 */
final class PndmStep {
  /** Weights of Adams and Bashforth, the latest first, by how many predictions there are. */
  private static final double[][] WEIGHTS = {
    {1},
    {3 / 2.0, -1 / 2.0},
    {23 / 12.0, -16 / 12.0, 5 / 12.0},
    {55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0}
  };

  private PndmStep() {}

  /** All steps over a path: one evaluation at each time, and one more at the second. */
  static List<SamplingStep> over(NoiseSchedule schedule, double[] times) {
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i + 1 < times.length; i++) {
      double[] weights = WEIGHTS[Math.min(i, WEIGHTS.length - 1)];
      steps.add(between(schedule, times[i], times[i + 1], weights));
      if (i == 0 && times.length > 2) {
        steps.add(again(schedule, times[0], times[1]));
      }
    }
    return steps;
  }

  private static double onNoise(NoiseSchedule schedule, double t, double s) {
    return -Math.sin(schedule.pathAngle(t) - schedule.pathAngle(s)) / schedule.alpha(t);
  }

  private static SamplingStep between(
      NoiseSchedule schedule, double t, double s, double[] weights) {
    DdimStep.requireTimes(t, s);
    double alpha = schedule.alpha(t);
    double sigma = schedule.sigma(t);
    double onNoise = onNoise(schedule, t, s);
    LinearMap toNoise = Parameterization.V.to(Parameterization.EPS, alpha, sigma);
    return new SamplingStep(
        t,
        s,
        schedule.timeInput(t),
        alpha,
        sigma,
        new LinearMap((s == 0 ? 1 : schedule.alpha(s)) / alpha, weights[0] * onNoise)
            .after(toNoise),
        new History(
            Parameterization.EPS,
            true,
            Arrays.stream(weights).skip(1).mapToObj(weight -> weight * onNoise).toList()),
        0);
  }

  /** The step from t to s once more, from s. */
  private static SamplingStep again(NoiseSchedule schedule, double t, double s) {
    double alpha = schedule.alpha(s);
    double sigma = schedule.sigma(s);
    double half = onNoise(schedule, t, s) / 2;
    LinearMap toNoise = Parameterization.V.to(Parameterization.EPS, alpha, sigma);
    return new SamplingStep(
        s,
        s,
        schedule.timeInput(s),
        alpha,
        sigma,
        new LinearMap(1, half).after(toNoise),
        new History(Parameterization.EPS, false, List.of(-half)),
        0);
  }
}
