package org.halfstep.diffusion;

/**
 * Data x ~ N(0, s^2), for which everything is known: the best prediction is linear in z, and the
 * probability flow keeps z divided by its standard deviation.
 *
 * @param s standard deviation of the data
 */
record Gaussian(NoiseSchedule schedule, double s) {
  /** Standard deviation of z on the path at time t (exactly s at time 0). */
  double deviation(double t) {
    double angle = schedule.pathAngle(t);
    return Math.hypot(s * Math.cos(angle), Math.sin(angle));
  }

  /** The exact v prediction E[alpha eps - sigma x | z], which is this factor times z. */
  double vPerZ(double t) {
    double angle = schedule.pathAngle(t);
    return Math.sin(angle) * Math.cos(angle) * (1 - s * s) / (deviation(t) * deviation(t));
  }

  /** The exact flow from time t to time r, which is this factor times z. */
  double flow(double t, double r) {
    return deviation(r) / deviation(t);
  }
}
