package org.halfstep.sample;

/**
 * Hears how far a request has come. On a GPU, which runs all steps in one go, only of each batch.
 */
@FunctionalInterface
public interface SampleProgress {
  /** Tells nobody. */
  SampleProgress NONE = (done, step, steps) -> {};

  /**
   * A step is about to begin, or a batch is finished, on the thread that samples.
   *
   * @param done images of the request that are finished
   * @param step of those that are made now, from 0
   * @param steps of each image, as they are run
   */
  void at(int done, int step, int steps);
}
