package org.halfstep.diffusion;

/**
 * One network evaluation of a sampler and what follows from it: {@code z_next = toNext.onZ * z +
 * toNext.onOutput * v + sum_i history.onPrevious_i * kept_i + noise * eps}, with v the network's
 * prediction at (z, time), kept_i what earlier steps predicted, and eps fresh standard normal
 * noise.
 *
 * @param time t at which the network is evaluated, 0 .. 1
 * @param nextTime time of z_next
 * @param timeInput what the network is told of the time ({@link NoiseSchedule#timeInput})
 * @param alpha scale of the data at {@code time}
 * @param sigma scale of the noise at {@code time}
 * @param toNext coefficients on z and v
 * @param history what is read of earlier predictions, and kept of this one
 * @param noise standard deviation of the fresh noise; 0 for none
 */
public record SamplingStep(
    double time,
    double nextTime,
    double timeInput,
    double alpha,
    double sigma,
    LinearMap toNext,
    History history,
    double noise) {

  /** Whether z_next is an image: the predicted x itself. */
  public boolean last() {
    return nextTime == 0;
  }

  /**
   * The same step from the x prediction instead of v: for samplers that clip x to the range of
   * images first, which amounts to recomputing v from the clipped x.
   *
   * @throws IllegalStateException at time 0, where x carries no information beyond z
   */
  public LinearMap toNextFromX() {
    if (last()) {
      return LinearMap.TAKE_OUTPUT;
    }
    if (sigma == 0) {
      throw new IllegalStateException(
          "a step that starts at time 0 cannot be formed from x; use the coefficients on v");
    }
    return toNext.after(Parameterization.X.to(Parameterization.V, alpha, sigma));
  }

  /**
   * The same step from what {@link #history} keeps of the prediction, in place of v.
   *
   * @throws IllegalStateException as {@link #toNextFromX}
   */
  public LinearMap toNextFromKept() {
    return history.of() == Parameterization.X
        ? toNextFromX()
        : toNext.after(history.of().to(Parameterization.V, alpha, sigma));
  }

  /** The same step with something else told to the network. */
  SamplingStep withTimeInput(double input) {
    return new SamplingStep(time, nextTime, input, alpha, sigma, toNext, history, noise);
  }

  /** Coefficients on (z, v) that give the predicted x. */
  public LinearMap toX() {
    return Parameterization.V.to(Parameterization.X, alpha, sigma);
  }
}
