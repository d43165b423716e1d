package org.halfstep.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.model.Trainable;

/**
 * Runs the phases of a training, each to its end or until it is asked to stop, with checkpoints on
 * the way. The order at the end of a phase is: last update, model file, checkpoint. So a checkpoint
 * at the last update says that the model file was written, and a run that is killed anywhere in
 * between writes the same file again.
 */
public final class PhaseRun implements AutoCloseable {
  /** Writes the model that a phase ends with. */
  @FunctionalInterface
  public interface Keep {
    void write() throws IOException;
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Checkpoints checkpoints;
  private final long checkpointEvery;
  private final String fingerprint;
  private final RunListener listener;
  private final BooleanSupplier stop;

  /**
   * @param runFolder where checkpoints go
   * @param fingerprint identifies the settings; a checkpoint of other settings is refused
   * @param stop asked after every update; true ends the run after a checkpoint
   * @throws IllegalArgumentException when the folder holds a run with another fingerprint
   * @throws IOException when the newest checkpoint is damaged or another run uses the folder
   */
  public PhaseRun(
      Path runFolder,
      long checkpointEvery,
      String fingerprint,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    this.checkpointEvery = checkpointEvery;
    this.fingerprint = fingerprint;
    this.listener = listener;
    this.stop = stop;
    this.checkpoints = new Checkpoints(runFolder);
    try {
      Optional<Progress> saved = checkpoints.latest();
      if (saved.isPresent() && !saved.get().fingerprint().equals(fingerprint)) {
        throw new IllegalArgumentException(
            runFolder
                + ": holds a run with other settings or other data; use another folder or the"
                + " settings in its config.json");
      }
    } catch (IOException | RuntimeException failure) {
      checkpoints.close();
      throw failure;
    }
  }

  /** What a model card says of how one network was trained from data. */
  static Map<String, String> provenance(long updates, int batch, ImageDataset data, long seed) {
    return Map.of(
        "updates", Long.toString(updates),
        "batch", Integer.toString(batch),
        "examples", Long.toString(updates * batch),
        "images", Integer.toString(data.count()),
        "seed", Long.toString(seed));
  }

  /** Where the newest checkpoint stands, if there is one. */
  public Optional<Progress> saved() throws IOException {
    return checkpoints.latest();
  }

  /** Whether the newest checkpoint is the last one of a phase, whose model file is there too. */
  public boolean isDone(String phase, int stage, long updates, Path file) throws IOException {
    Optional<Progress> saved = checkpoints.latest();
    return saved.isPresent()
        && saved.get().isIn(phase, stage)
        && saved.get().update() >= updates
        && Files.exists(file);
  }

  /**
   * Runs a phase.
   *
   * @param keep called after the last update
   * @return whether all updates are done; false when it was asked to stop
   */
  public boolean run(
      String phase,
      int stage,
      String title,
      Trainable network,
      UpdateStep trainer,
      LearningRate learningRate,
      long updates,
      Keep keep)
      throws IOException {
    String device = network.device().name();
    long done = 0;
    Optional<Progress> saved = checkpoints.latest();
    if (saved.isPresent() && saved.get().isIn(phase, stage)) {
      checkpoints.restore(network, trainer.optimizer());
      done = saved.get().update();
      if (saved.get().device() != null && !saved.get().device().equals(device)) {
        listener.note(
            "the checkpoint was written on "
                + saved.get().device()
                + ", this is "
                + device
                + ": sums are rounded differently, so the result will not be the same to the bit");
      }
    }
    listener.phase(title, done, updates);
    if (done >= updates) {
      keep.write();
    }
    while (done < updates) {
      double rate = learningRate.at(done);
      double loss = trainer.step(done, rate);
      done++;
      listener.update(done, updates, loss, rate, trainer.optimizer().lastGradientNorm());
      boolean stopping = stop.getAsBoolean();
      if (done == updates) {
        keep.write();
      }
      if (stopping || done == updates || done % checkpointEvery == 0) {
        checkpoints.save(
            new Progress(phase, stage, done, trainer.optimizer().updates(), fingerprint, device),
            network,
            trainer.optimizer());
      }
      if (stopping && done < updates) {
        return false;
      }
    }
    return true;
  }

  /** Lets another run use the folder. */
  @Override
  public void close() {
    checkpoints.close();
  }

  /** Identifies settings and data, so that a run is not continued with others. */
  public static String fingerprint(Object settings, ImageDataset data) {
    try {
      return JSON.writeValueAsString(settings)
          + " on "
          + data.count()
          + " images of "
          + data.height()
          + "x"
          + data.width()
          + "x"
          + data.channels()
          + " in "
          + data.classNames().size()
          + " classes";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
