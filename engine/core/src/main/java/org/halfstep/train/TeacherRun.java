package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;

/** Trains a teacher from data, from its newest checkpoint on. */
public final class TeacherRun {
  /** Name of the finished model in the run's folder. */
  public static final String FILE = "teacher.safetensors";

  private static final String PHASE = "teacher";
  private static final long WEIGHTS_STREAM = 0;
  private static final long TRAINING_STREAM = 1;

  private TeacherRun() {}

  /**
   * Trains until the settings' updates are done.
   *
   * @param dataName what the model card calls the data
   * @param folder checkpoints and {@value #FILE} go here
   * @param resume which checkpoint to continue from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether the teacher is finished
   */
  public static boolean run(
      Device device,
      ImageDataset data,
      String dataName,
      TeacherSettings settings,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    return run(device, data, dataName, settings, null, folder, resume, listener, stop);
  }

  /**
   * The same, beginning with the weights of another teacher; moments begin at zero all the same.
   * One that predicts eps learns v from here on, and one that was never without a label what that
   * is.
   *
   * @param from a teacher's file, of the settings' network but for its dropout and its row for "no
   *     label"; null for new weights
   * @throws IOException when {@code from} is something else
   */
  public static boolean run(
      Device device,
      ImageDataset data,
      String dataName,
      TeacherSettings settings,
      Path from,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    RunSettings run = settings.run();
    String begun = from == null ? null : FileDigest.sha256(from);
    Map<String, String> provenance =
        new TreeMap<>(
            PhaseRun.provenance(run.updates(), run.batch(), data.count(), settings.seed()));
    if (from != null) {
      provenance.put("from", begun);
    }
    ModelCard card =
        ModelCard.teacher(dataName, data.classNames(), provenance)
            .withSchedule(settings.schedule(), settings.network().imageSize());
    Path file = folder.resolve(FILE);
    Examples examples = new LabelledImages(data, settings.mirror());
    return PhaseRun.begin(
        folder,
        settings.checkpointEvery(),
        PhaseRun.fingerprint(settings, examples.identity())
            + (from == null ? "" : ", from " + begun),
        Map.of(PHASE, 1),
        resume,
        listener,
        stop,
        phases -> {
          if (phases.isDone(PHASE, 0, run.updates(), file)) {
            listener.note(file + ": is finished; there is nothing left to do");
            return true;
          }
          try (Network<UNetConfig, ModelCard> network = begin(device, settings, card, from);
              Trainer trainer =
                  new Trainer(
                      new ClassConditioned(network),
                      examples,
                      run.batch(),
                      run.precision(),
                      Philox.childSeed(settings.seed(), TRAINING_STREAM),
                      run.optimizer(),
                      (batch, draws) ->
                          new TeacherObjective(
                              batch,
                              draws,
                              run.weighting(),
                              settings.labelDropout(),
                              new ClassConditioned(network).without().orElse(0)))) {
            return phases.run(
                PHASE,
                0,
                "teacher",
                null,
                network,
                trainer,
                run.schedule(),
                run.updates(),
                _ -> {
                  network.save(file, card, Dtype.F32, trainer.optimizer().result());
                  listener.saved(file);
                  return file;
                });
          }
        });
  }

  private static Network<UNetConfig, ModelCard> begin(
      Device device, TeacherSettings settings, ModelCard card, Path from) throws IOException {
    UNetConfig config = settings.network();
    if (from == null) {
      return Network.fresh(device, config, card, Philox.childSeed(settings.seed(), WEIGHTS_STREAM));
    }
    try (Network<UNetConfig, ModelCard> known = Network.load(device, UNetConfig.FORMAT, from)) {
      if (known.card().role() != ModelCard.Role.TEACHER || known.isQuantized()) {
        throw new DataException(from, "was distilled or quantized: training begins with a teacher");
      }
      if (known.card().predicts() == Parameterization.EDM) {
        throw new DataException(
            from,
            "is one of EDM's networks, of images that are divided by their deviation: it can be"
                + " sampled, and training begins with a network of v or eps");
      }
      UNetConfig same = known.architecture().withDropout(config.dropout());
      if (!same.equals(config) && !same.withNullLabel().equals(config)) {
        throw new DataException(
            from,
            "has another network than the settings: "
                + known.architecture().toJson()
                + ", not "
                + config.toJson());
      }
      return Network.like(device, config, card, known, UNetConfig.LABEL_TABLE);
    }
  }
}
