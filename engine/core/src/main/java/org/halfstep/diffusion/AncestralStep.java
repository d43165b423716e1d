package org.halfstep.diffusion;

/**
 * The stochastic update of DDPM (Ho et al. 2020) between any two times: {@code mean = r (alpha_s /
 * alpha_t) z_t + (1 - r) alpha_s x_hat}, {@code r = exp(logSnr_t - logSnr_s)}, with a variance
 * between {@code (1 - r) sigma_s^2} (small) and {@code (1 - r) sigma_t^2} (large), interpolated in
 * the logarithm.
 *
 * <p>Formed from angles, {@code 1 - r = sin(phi_t - phi_s) sin(phi_t + phi_s) / (alpha_s
 * sigma_t)^2}, which neither cancels nor divides by alpha_t.
 */
public final class AncestralStep {
  private AncestralStep() {}

  /**
   * The step from time t to the smaller time s. A step to time 0 returns the predicted x and adds
   * no noise.
   *
   * @param interpolation 0 for the small variance, 1 for the large one
   * @throws IllegalArgumentException if the times are not 1 >= t > s >= 0 or the interpolation is
   *     outside 0 .. 1
   */
  public static SamplingStep between(
      NoiseSchedule schedule, double t, double s, double interpolation) {
    DdimStep.requireTimes(t, s);
    if (s > t) {
      throw new IllegalArgumentException(
          "an ancestral step goes towards the data, got " + t + " to " + s);
    }
    if (!(interpolation >= 0 && interpolation <= 1)) {
      throw new IllegalArgumentException(
          "the interpolation of the variance must be in 0 .. 1, got " + interpolation);
    }
    double alphaT = schedule.alpha(t);
    double sigmaT = schedule.sigma(t);
    double angleT = schedule.angle(t);
    double angleS = schedule.pathAngle(s);
    double alphaS = Math.cos(angleS);
    double sigmaS = Math.sin(angleS);
    double sines = Math.sin(angleT - angleS) * Math.sin(angleT + angleS);
    double oneMinusR = sines / (alphaS * alphaS * sigmaT * sigmaT);
    double onZ = alphaT * sigmaS * sigmaS / (alphaS * sigmaT * sigmaT);
    double onX = oneMinusR * alphaS;
    double small = Math.sqrt(oneMinusR) * sigmaS;
    double large = Math.sqrt(oneMinusR) * sigmaT;
    double noise = s == 0 ? 0 : Math.pow(small, 1 - interpolation) * Math.pow(large, interpolation);
    return new SamplingStep(
        t,
        s,
        schedule.timeInput(t),
        alphaT,
        sigmaT,
        new LinearMap(onZ + onX * alphaT, -onX * sigmaT),
        History.NONE,
        noise);
  }
}
