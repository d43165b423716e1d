package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;

/** Trains a classifier from data, from its newest checkpoint on. */
public final class ClassifierRun {
  /** Name of the finished classifier in the run's folder. */
  public static final String FILE = "classifier.safetensors";

  private static final String PHASE = "classifier";
  private static final long WEIGHTS_STREAM = 0;
  private static final long TRAINING_STREAM = 1;

  private ClassifierRun() {}

  /**
   * Trains until the settings' updates are done.
   *
   * @param dataName what the classifier's card calls the data
   * @param folder checkpoints and {@value #FILE} (bfloat16) go here
   * @param resume which checkpoint to continue from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether the classifier is finished
   */
  public static boolean run(
      Device device,
      ImageDataset data,
      String dataName,
      ClassifierSettings settings,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    ClassifierCard card =
        new ClassifierCard(
            dataName,
            data.classNames(),
            PhaseRun.provenance(
                settings.updates(), settings.batch(), data.count(), settings.seed()));
    Path file = folder.resolve(FILE);
    return PhaseRun.begin(
        folder,
        settings.checkpointEvery(),
        PhaseRun.fingerprint(settings, LabelledImages.identity(data)),
        Map.of(PHASE, 1),
        resume,
        listener,
        stop,
        phases -> {
          if (phases.isDone(PHASE, 0, settings.updates(), file)) {
            listener.note(file + ": is finished; there is nothing left to do");
            return true;
          }
          try (Network<ClassifierConfig, ClassifierCard> classifier =
                  Network.fresh(
                      device,
                      settings.network(),
                      card,
                      Philox.childSeed(settings.seed(), WEIGHTS_STREAM));
              ClassifierTrainer trainer =
                  new ClassifierTrainer(
                      classifier,
                      data,
                      settings,
                      Philox.childSeed(settings.seed(), TRAINING_STREAM))) {
            return phases.run(
                PHASE,
                0,
                PHASE,
                null,
                classifier,
                trainer,
                settings.schedule(),
                settings.updates(),
                _ -> {
                  classifier.save(file, card, Dtype.BF16, trainer.optimizer().result());
                  listener.saved(file);
                  return file;
                });
          }
        });
  }
}
