package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.model.Network;

/**
 * Runs one phase of training to its end, or until it is asked to stop, with checkpoints on the way.
 */
public final class PhaseRun {
  private final Checkpoints checkpoints;
  private final long checkpointEvery;
  private final String fingerprint;
  private final RunListener listener;
  private final BooleanSupplier stop;

  /**
   * @param runFolder where checkpoints go
   * @param fingerprint identifies the settings; a checkpoint of other settings is refused
   * @param stop asked after every update; true ends the run after a checkpoint
   */
  public PhaseRun(
      Path runFolder,
      long checkpointEvery,
      String fingerprint,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    this.checkpoints = new Checkpoints(runFolder);
    this.checkpointEvery = checkpointEvery;
    this.fingerprint = fingerprint;
    this.listener = listener;
    this.stop = stop;
    Optional<Progress> saved = checkpoints.latest();
    if (saved.isPresent() && !saved.get().fingerprint().equals(fingerprint)) {
      throw new IllegalArgumentException(
          runFolder
              + ": holds a run with other settings or other data; use another folder or the settings in its"
              + " config.json");
    }
  }

  /** Where the newest checkpoint stands, if there is one. */
  public Optional<Progress> saved() throws IOException {
    return checkpoints.latest();
  }

  /**
   * Runs a phase.
   *
   * @return whether all updates are done; false when it was asked to stop
   */
  public boolean run(
      String phase,
      int stage,
      String title,
      Network network,
      Trainer trainer,
      LearningRate learningRate,
      long updates)
      throws IOException {
    long done = 0;
    Optional<Progress> saved = checkpoints.latest();
    if (saved.isPresent() && saved.get().phase().equals(phase) && saved.get().stage() == stage) {
      checkpoints.restore(network, trainer.optimizer());
      done = saved.get().update();
    }
    listener.phase(title, done, updates);
    while (done < updates) {
      double rate = learningRate.at(done);
      double loss = trainer.step(done, rate);
      done++;
      listener.update(done, updates, loss, rate, trainer.optimizer().lastGradientNorm());
      boolean stopping = stop.getAsBoolean();
      if (stopping || done == updates || done % checkpointEvery == 0) {
        checkpoints.save(
            new Progress(phase, stage, done, trainer.optimizer().updates(), fingerprint),
            network,
            trainer.optimizer());
      }
      if (stopping && done < updates) {
        return false;
      }
    }
    return true;
  }
}
