package org.halfstep.diffusion;

/**
 * A weight of the error of v that changes over the updates of a phase: a straight line from one
 * weighting to another, and the second from then on.
 *
 * <p>A teacher of eps is taught to predict v from {@link LossWeighting#SNR}, which is the error of
 * eps that it was trained with, to {@link LossWeighting#TRUNCATED_SNR}, which counts at the noise
 * end too, where few-step students start.
 *
 * @param from weighting of update 0
 * @param to weighting after the ramp
 * @param updates length of the ramp; 0 for none
 */
public record WeightRamp(LossWeighting from, LossWeighting to, long updates) {
  public WeightRamp {
    if (from == null || to == null || updates < 0) {
      throw new IllegalArgumentException(
          "a ramp leads from one weighting to another in at least 0 updates, got "
              + from
              + " to "
              + to
              + " in "
              + updates);
    }
  }

  /** Weight on the squared error of v at an update and a noise level. */
  public double weightOnV(long update, double alpha, double sigma) {
    double part = update >= updates ? 1 : (double) update / updates;
    return (1 - part) * from.weightOnV(alpha, sigma) + part * to.weightOnV(alpha, sigma);
  }
}
