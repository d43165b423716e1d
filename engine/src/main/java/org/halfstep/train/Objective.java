package org.halfstep.train;

import org.halfstep.diffusion.LossWeighting;

/**
 * What a network is trained towards: which time and guidance strength each example gets, and which
 * v it should predict there.
 */
public interface Objective extends AutoCloseable {

  /**
   * Draws time and guidance strength for each row from the row's example number, and changes labels
   * where the objective drops them. Does not allocate.
   */
  void draw(TrainingBatch batch);

  /**
   * Writes the target v of each row; clean, noise and noised images are there. Does not allocate.
   */
  void target(TrainingBatch batch);

  LossWeighting weighting();

  @Override
  void close();
}
