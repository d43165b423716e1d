package org.halfstep.diffusion;

import java.util.ArrayList;
import java.util.List;

/**
 * Heun's method (the corrector of Karras et al., 2022, algorithm 1) on the rotations of DDIM: a
 * step to where DDIM leads, an evaluation there, and the step again with the mean of both
 * predictions,
 *
 * <pre>
 * z' = cos(d) z_t - sin(d) v_t
 * z_s = cos(d) z_t - sin(d) (v_t + cos(d) v' - sin(d) z') / 2,  d = phi_t - phi_s.</pre>
 *
 * The term beside v_t is what the second evaluation says that v is at time t: v' turned back by d.
 * It is of second order, exact where the predicted image does not change, and finite where only
 * noise is left, which Heun's method in z / alpha over sigma / alpha is not. The last step, to the
 * image, is DDIM's.
 *
 * <p>The second evaluation begins where the first one led, so what is kept of the first is its
 * image: v_t = (alpha_t z' - cos(d) x_t) / sigma_s.
 */
final class HeunStep {
  private HeunStep() {}

  /** All steps over a path: two evaluations for each but the last. */
  static List<SamplingStep> over(NoiseSchedule schedule, double[] times) {
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i + 1 < times.length; i++) {
      steps.add(DdimStep.between(schedule, times[i], times[i + 1]));
      if (i + 2 < times.length) {
        steps.add(again(schedule, times[i], times[i + 1]));
      }
    }
    return steps;
  }

  /** The step from t to s once more, from s. */
  private static SamplingStep again(NoiseSchedule schedule, double t, double s) {
    double turn = schedule.pathAngle(t) - schedule.pathAngle(s);
    double sine = Math.sin(turn);
    double cosine = Math.cos(turn);
    double alpha = schedule.alpha(s);
    double sigma = schedule.sigma(s);
    double onFirst = sine / 2;
    return new SamplingStep(
        s,
        s,
        schedule.timeInput(s),
        alpha,
        sigma,
        new LinearMap(
            1 + sine * sine / 2 + onFirst * schedule.alpha(t) / sigma, -sine * cosine / 2),
        new History(Parameterization.X, false, List.of(-onFirst * cosine / sigma)),
        0);
  }
}
