package org.halfstep.train;

import java.nio.file.Path;

/** Hears what a run does. Called on the run's thread. */
public interface RunListener {

  /** A phase begins, or goes on after a resume. */
  void phase(String name, long updatesDone, long updatesTotal);

  void update(long done, long total, double loss, double learningRate, double gradientNorm);

  /** A model file is complete. */
  void saved(Path file);

  /** Updates of a row in the run's table of losses ({@link LossTable}), at least 1. */
  default long logEvery() {
    return 10;
  }

  /** Something a person should read. */
  void note(String line);
}
