package org.halfstep.diffusion;

/**
 * The deterministic DDIM update in its angle form: {@code z_s = cos(delta) z_t - sin(delta) v},
 * {@code delta = phi_t - phi_s}. It equals {@code alpha_s x_hat + sigma_s eps_hat} for every
 * variance preserving schedule, has no division, and holds in both directions: delta above 0
 * removes noise, delta below 0 adds it (encoding an image).
 */
public final class DdimStep {
  private DdimStep() {}

  /** Coefficients on (z_t, v) of the rotation by {@code delta} radians towards the data. */
  public static LinearMap rotation(double delta) {
    return new LinearMap(Math.cos(delta), -Math.sin(delta));
  }

  /**
   * Coefficients on (z_t, z_s) of the v that makes {@link #rotation} lead from z_t to z_s: {@code v
   * = (cos(delta) z_t - z_s) / sin(delta)}.
   *
   * @param delta angle between the two, not 0
   */
  public static LinearMap inverse(double delta) {
    double sine = Math.sin(delta);
    return new LinearMap(Math.cos(delta) / sine, -1 / sine);
  }

  /**
   * The step from time t to time s, with time 0 taken as angle 0 ({@link NoiseSchedule#pathAngle}).
   *
   * @throws IllegalArgumentException if a time lies outside 0 .. 1 or both are equal
   */
  public static SamplingStep between(NoiseSchedule schedule, double t, double s) {
    requireTimes(t, s);
    double from = schedule.pathAngle(t);
    return new SamplingStep(
        t,
        s,
        schedule.timeInput(t),
        schedule.pathAlpha(t),
        schedule.pathSigma(t),
        rotation(from - schedule.pathAngle(s)),
        History.NONE,
        0);
  }

  static void requireTimes(double t, double s) {
    if (!(t >= 0 && t <= 1 && s >= 0 && s <= 1) || t == s) {
      throw new IllegalArgumentException(
          "a step needs two different times in 0 .. 1, got " + t + " to " + s);
    }
  }
}
