package org.halfstep.train;

import java.util.Optional;

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

  /**
   * The loss on examples that are not learned from, of the weights as they are; changes nothing,
   * and is the same for the same weights.
   *
   * @param examples with conditions of the training's own numbers
   * @param count how many, at least 1, in whole batches
   * @return empty where this kind of training does not measure it
   */
  default Optional<HeldOutLoss> heldOutLoss(Examples examples, int count) {
    return Optional.empty();
  }
}
