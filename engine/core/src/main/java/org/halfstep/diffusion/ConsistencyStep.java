package org.halfstep.diffusion;

/**
 * A step of a latent consistency model (Luo et al., "Latent Consistency Models", 2023): the image
 * that the network predicts is joined with z so that at time 0 it is z itself,
 *
 * <pre>
 * s = 10 u,  c_skip = 1/4 / (s^2 + 1/4),  c_out = s / sqrt(s^2 + 1/4)
 * image = c_skip z + c_out x,</pre>
 *
 * with u what the network is told of the time; then fresh noise brings it to the next level. At the
 * levels that samplers visit c_skip is below 7e-6.
 */
public final class ConsistencyStep {
  private static final double TIMESTEP_SCALING = 10;
  private static final double DATA_VARIANCE = 0.25;

  private ConsistencyStep() {}

  /** What z is multiplied by. */
  public static double skip(double timeInput) {
    double s = TIMESTEP_SCALING * timeInput;
    return DATA_VARIANCE / (s * s + DATA_VARIANCE);
  }

  /** What the predicted image is multiplied by. */
  public static double out(double timeInput) {
    double s = TIMESTEP_SCALING * timeInput;
    return s / Math.sqrt(s * s + DATA_VARIANCE);
  }

  /** The step from time t to the smaller time s; to time 0, the image. */
  public static SamplingStep between(NoiseSchedule schedule, double t, double s) {
    DdimStep.requireTimes(t, s);
    double alpha = schedule.alpha(t);
    double sigma = schedule.sigma(t);
    double input = schedule.timeInput(t);
    double out = out(input);
    LinearMap image = new LinearMap(skip(input) + out * alpha, -out * sigma);
    return new SamplingStep(
        t,
        s,
        input,
        alpha,
        sigma,
        s == 0 ? image : image.times(schedule.alpha(s)),
        History.NONE,
        s == 0 ? 0 : schedule.sigma(s));
  }
}
