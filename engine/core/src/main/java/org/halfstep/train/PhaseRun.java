package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongPredicate;
import java.util.stream.Collectors;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.files.Printable;
import org.halfstep.model.Trainable;

/**
 * Runs the phases of a training, each to its end or until it is asked to stop, with checkpoints on
 * the way. The order at the end of a phase is: last update, model file, checkpoint. So a checkpoint
 * at the last update says that the model file was written, and a run that is killed anywhere in
 * between writes the same file again.
 */
public final class PhaseRun implements AutoCloseable {
  /** Writes the model that a phase ends with after so many updates, and returns its file. */
  @FunctionalInterface
  public interface Finish {
    Path write(long updates) throws IOException;
  }

  /** Stands in fingerprints before the digest of the data; older versions had none. */
  static final String DIGEST = ", SHA-256 ";

  /** The folder of further averages in a run's. */
  public static final String AVERAGES = "averages";

  private final Checkpoints checkpoints;
  private final LossLog log;
  private final Path folder;
  private String phaseTitle;
  private final long checkpointEvery;
  private final String fingerprint;
  private final RunListener listener;
  private final BooleanSupplier stop;

  /** What a run does with its phases; true when all is done. */
  @FunctionalInterface
  public interface Body {
    boolean run(PhaseRun phases) throws IOException;
  }

  /**
   * Runs a body of phases. Where the newest checkpoint turns out damaged when its parts are read,
   * as one without digests does, and that was asked for, everything starts once more from the one
   * before it.
   *
   * @param runFolder where checkpoints go
   * @param fingerprint identifies the settings; a checkpoint of other settings is refused
   * @param phases the phases that such a run has, each with its number of stages
   * @param resume which checkpoint to continue from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return what the body returned
   * @throws IllegalArgumentException when the folder holds a run with another fingerprint
   * @throws IOException when the newest checkpoint is damaged or another run uses the folder
   */
  public static boolean begin(
      Path runFolder,
      long checkpointEvery,
      String fingerprint,
      Map<String, Integer> phases,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop,
      Body body)
      throws IOException {
    DamagedCheckpointException damage = null;
    while (true) {
      try (PhaseRun run =
          new PhaseRun(
              runFolder, checkpointEvery, fingerprint, phases, resume, damage, listener, stop)) {
        return body.run(run);
      } catch (DamagedCheckpointException found) {
        if (resume != Resume.PREVIOUS_IF_DAMAGED || damage != null) {
          throw found;
        }
        damage = found;
      }
    }
  }

  /**
   * @param damage what is known of the newest checkpoint; null for nothing
   */
  private PhaseRun(
      Path runFolder,
      long checkpointEvery,
      String fingerprint,
      Map<String, Integer> phases,
      Resume resume,
      DamagedCheckpointException damage,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    this.checkpointEvery = checkpointEvery;
    this.fingerprint = fingerprint;
    this.listener = listener;
    this.stop = stop;
    this.folder = runFolder;
    this.log = new LossLog(runFolder, listener, listener.logEvery());
    this.checkpoints = new Checkpoints(runFolder);
    try {
      if (damage != null) {
        listener.note(checkpoints.dropNewest(damage));
      } else if (resume == Resume.PREVIOUS_IF_DAMAGED) {
        checkpoints.dropDamaged().ifPresent(listener::note);
      }
      Optional<Progress> saved = checkpoints.latest();
      if (saved.isPresent()) {
        requireSameRun(runFolder, saved.get().fingerprint());
      }
      if (saved.isPresent() && saved.get().stage() >= phases.getOrDefault(saved.get().phase(), 0)) {
        throw checkpoints.damaged(
            "it stands in stage "
                + saved.get().stage()
                + " of \""
                + Printable.line(saved.get().phase())
                + "\", which this run does not have");
      }
    } catch (IOException | RuntimeException failure) {
      checkpoints.close();
      throw failure;
    }
  }

  /** What a model card says of how one network was trained from data. */
  static Map<String, String> provenance(long updates, int batch, int images, long seed) {
    return Map.of(
        "updates", Long.toString(updates),
        "batch", Integer.toString(batch),
        "examples", Long.toString(updates * batch),
        "images", Integer.toString(images),
        "seed", Long.toString(seed));
  }

  private void requireSameRun(Path runFolder, String saved) {
    List<SettingsChange> changes =
        RunFingerprint.changes(saved, fingerprint)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        runFolder
                            + ": holds a run with other settings or other data; use another folder"
                            + " or the settings in its config.json"));
    if (!changes.isEmpty()) {
      listener.note(
          "going on with "
              + changes.stream().map(SettingsChange::changed).collect(Collectors.joining(", ")));
    }
  }

  /** Where the newest checkpoint stands, if there is one. */
  public Optional<Progress> saved() throws IOException {
    return checkpoints.latest();
  }

  /**
   * Whether the newest checkpoint is the last one of a phase, whose model file is there too, as it
   * was written.
   */
  public boolean isDone(String phase, int stage, long updates, Path file) throws IOException {
    Optional<Progress> saved = checkpoints.latest();
    if (saved.isEmpty()
        || !saved.get().isIn(phase, stage)
        || saved.get().update() < updates && !saved.get().isEnough()
        || !Files.exists(file)) {
      return false;
    }
    String written = saved.get().model();
    boolean same = written == null || written.equals(FileDigest.sha256(file));
    if (!same) {
      listener.note(file + ": is not as it was written; it is written again");
    }
    return same;
  }

  /**
   * Runs a phase.
   *
   * @param teacher the file of the teacher, where it is one of the run's own; else null
   * @param finish called after the last update
   * @return whether all updates are done; false when it was asked to stop
   */
  public boolean run(
      String phase,
      int stage,
      String title,
      Path teacher,
      Trainable network,
      UpdateStep trainer,
      LearningRate learningRate,
      long updates,
      Finish finish)
      throws IOException {
    return run(
        phase, stage, title, teacher, network, trainer, learningRate, updates, _ -> false, finish);
  }

  /**
   * Runs a phase that may end before its last update.
   *
   * @param enough a stop rule, asked after so many updates, where there is a checkpoint: a function
   *     of what was trained and of that number alone
   */
  public boolean run(
      String phase,
      int stage,
      String title,
      Path teacher,
      Trainable network,
      UpdateStep trainer,
      LearningRate learningRate,
      long updates,
      LongPredicate enough,
      Finish finish)
      throws IOException {
    String device = network.device().arithmetic();
    String from = teacher == null ? null : FileDigest.sha256(teacher);
    long done = 0;
    Optional<Progress> saved = checkpoints.latest();
    if (saved.isPresent() && saved.get().isIn(phase, stage)) {
      done = saved.get().update();
      if (done > updates) {
        throw checkpoints.damaged("it stands at update " + done + " of " + updates);
      }
      if (saved.get().teacher() != null && !saved.get().teacher().equals(from)) {
        throw new DataException(
            teacher,
            "is not the file that this stage began with; bring that one back, or start again in"
                + " another folder");
      }
      if (!checkpoints.restore(network, trainer.optimizer())) {
        listener.note(
            "the checkpoint was written by an older version, without digests: its parts could not be"
                + " compared with what was written");
      }
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
    boolean met = done > 0 && saved.isPresent() && saved.get().isEnough();
    log.begin(title, done, updates);
    phaseTitle = title;
    String model = null;
    if (done == updates || met) {
      model = FileDigest.sha256(finish.write(done));
      if (!model.equals(saved.orElseThrow().model())) {
        save(phase, stage, done, device, from, model, met, network, trainer);
      }
    }
    while (done < updates && !met) {
      double rate = learningRate.at(done);
      double loss = trainer.step(done, rate);
      double norm = trainer.optimizer().lastGradientNorm();
      done++;
      listener.update(done, updates, loss, rate, norm);
      log.update(done, loss, rate, norm);
      boolean stopping = stop.getAsBoolean();
      boolean isDue = done % checkpointEvery == 0;
      met = isDue && done < updates && enough.test(done);
      if (done == updates || met) {
        model = FileDigest.sha256(finish.write(done));
      }
      if (stopping || done == updates || isDue) {
        save(phase, stage, done, device, from, model, met, network, trainer);
      }
      if (stopping && done < updates && !met) {
        return false;
      }
    }
    return true;
  }

  private void save(
      String phase,
      int stage,
      long done,
      String device,
      String teacher,
      String model,
      boolean met,
      Trainable network,
      UpdateStep trainer)
      throws IOException {
    Optimizer optimizer = trainer.optimizer();
    measure(done, trainer);
    if (model != null) {
      keepAverages(network, optimizer);
    }
    log.force();
    checkpoints.save(
        new Progress(
            phase,
            stage,
            done,
            optimizer.updates(),
            fingerprint,
            device,
            teacher,
            model,
            met ? true : null),
        network,
        optimizer);
    listener.checkpoint(phaseTitle, done, Checkpoints.newestResult(folder).orElseThrow());
  }

  private void measure(long done, UpdateStep trainer) {
    listener
        .heldOut()
        .flatMap(examples -> trainer.heldOutLoss(examples, examples.count()))
        .ifPresent(
            loss -> {
              log.heldOut(done, loss);
              listener.heldOut(done, loss);
            });
  }

  /** Writes the further averages that a phase ends with, each as a network of its kind. */
  private void keepAverages(Trainable network, Optimizer optimizer) throws IOException {
    for (MovingAverage average : optimizer.averages()) {
      String name = LossLog.name(phaseTitle) + "-" + average.decay() + ".safetensors";
      Path file = folder.resolve(AVERAGES).resolve(name);
      network.save(file, average.slab());
      listener.saved(file);
    }
  }

  /** Lets another run use the folder. */
  @Override
  public void close() {
    log.close();
    checkpoints.close();
  }

  /**
   * Identifies settings and data, so that a run is not continued with others.
   *
   * @param data what {@link Examples#identity} says
   */
  public static String fingerprint(Object settings, String data) {
    return RunFingerprint.of(settings, data);
  }
}
