package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

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

  /**
   * Examples that are not learned from, whose loss is measured at each checkpoint; empty where that
   * is not wanted.
   */
  default Optional<Examples> heldOut() {
    return Optional.empty();
  }

  /** What was measured of them. */
  default void heldOut(long update, HeldOutLoss loss) {}

  /**
   * A checkpoint is on disk.
   *
   * @param phase its title
   * @param update updates of the phase that are done
   * @param weights the file of the weights that the phase would end with now
   */
  default void checkpoint(String phase, long update, Path weights) throws IOException {}

  /** Something a person should read. */
  void note(String line);
}
