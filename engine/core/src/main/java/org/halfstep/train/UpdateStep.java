package org.halfstep.train;

/** One update of a network's weights, prepared and then made many times. */
public interface UpdateStep {
  /**
   * One update.
   *
   * @param update number of the update within the stage, from 0: decides the examples and all draws
   * @return the batch's loss before the update
   */
  double step(long update, double learningRate);

  Optimizer optimizer();
}
