package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
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
   * @param resume which checkpoint to go on from
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
    RunSettings run = settings.run();
    ModelCard card =
        ModelCard.teacher(
            dataName,
            data.classNames(),
            PhaseRun.provenance(run.updates(), run.batch(), data.count(), settings.seed()));
    Path file = folder.resolve(FILE);
    Examples examples = new LabelledImages(data, settings.mirror());
    return PhaseRun.begin(
        folder,
        settings.checkpointEvery(),
        PhaseRun.fingerprint(settings, examples.identity()),
        Map.of(PHASE, 1),
        resume,
        listener,
        stop,
        phases -> {
          if (phases.isDone(PHASE, 0, run.updates(), file)) {
            listener.note(file + ": is finished, nothing is left to do");
            return true;
          }
          try (Network<UNetConfig, ModelCard> network =
                  Network.fresh(
                      device,
                      settings.network(),
                      card,
                      Philox.childSeed(settings.seed(), WEIGHTS_STREAM));
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
                () -> {
                  network.save(file, card, Dtype.F32, trainer.optimizer().result());
                  listener.saved(file);
                  return file;
                });
          }
        });
  }
}
