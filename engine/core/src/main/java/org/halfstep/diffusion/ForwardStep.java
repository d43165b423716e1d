package org.halfstep.diffusion;

/**
 * The forward process from a cleaner time to a noisier one: {@code z_a = scale z_b + noise eps},
 * exactly q(z_a | z_b). For a variance preserving schedule {@code scale = alpha_a / alpha_b} and
 * {@code noise^2 = (1 - exp(logSnr_a - logSnr_b)) sigma_a^2 = 1 - scale^2}, formed without
 * cancellation as {@code sin(phi_a - phi_b) sin(phi_a + phi_b) / alpha_b^2}.
 *
 * @param scale coefficient of z_b
 * @param noise standard deviation of the fresh noise
 */
public record ForwardStep(double scale, double noise) {
  /**
   * The kernel from the cleaner time b to the noisier time a.
   *
   * @throws IllegalArgumentException if the times are not {@code 0 <= b < a <= 1}
   */
  public static ForwardStep between(NoiseSchedule schedule, double b, double a) {
    DdimStep.requireTimes(b, a);
    if (a < b) {
      throw new IllegalArgumentException(
          "the forward process adds noise, got time " + b + " to " + a);
    }
    double angleA = schedule.pathAngle(a);
    double angleB = schedule.pathAngle(b);
    double alphaB = Math.cos(angleB);
    double sines = Math.sin(angleA - angleB) * Math.sin(angleA + angleB);
    return new ForwardStep(schedule.alpha(a) / alphaB, Math.sqrt(sines) / alphaB);
  }
}
