package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.train.Examples;
import org.halfstep.train.LabelledImages;
import org.halfstep.train.PhaseRun;
import org.halfstep.train.Resume;
import org.halfstep.train.RunListener;

/**
 * Both stages of distillation, from a teacher's file to a student of every step count, from the
 * newest checkpoint on. A teacher that predicts eps learns to predict v first. Each student is kept
 * and is the teacher of the next stage; which stage a run is in is read from its checkpoint.
 */
public final class DistillationRun {
  /** Name of the stage-one model in the run's folder. */
  public static final String GUIDED_FILE = "guided.safetensors";

  private DistillationRun() {}

  /** Name of the file of a student of pixels with this number of steps. */
  public static String studentFile(int steps) {
    return "student-" + steps + ".safetensors";
  }

  /**
   * Distills a network of pixels until the last student is done.
   *
   * @param teacherFile a teacher trained with label dropout, or a stage-one model (then stage one
   *     is skipped)
   * @param memory bytes that packed weights of a teacher may take, or {@link
   *     org.halfstep.model.Network#DEFAULT_MEMORY}; another limit may change the last bits of what
   *     it says
   * @param begun a stage-one model or a student of an earlier run, whose weights the student of its
   *     kind begins with in place of its teacher's; null for none
   * @param folder checkpoints, {@value #GUIDED_FILE} and the students go here
   * @param resume which checkpoint to go on from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether every student is finished
   */
  public static boolean run(
      Device device,
      Path teacherFile,
      long memory,
      ImageDataset data,
      DistillationSettings settings,
      Path begun,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    return begin(
        new PixelModels(device, teacherFile, memory, folder, settings.guidanceEmbedDim()),
        new LabelledImages(data, settings.mirror()),
        null,
        settings,
        // Networks of pixels predict v, and have no masks.
        new LatentDistillationSettings(null, settings, false, false, 1),
        begun,
        folder,
        resume,
        listener,
        stop);
  }

  /**
   * Distills a latent model until the last student is done.
   *
   * @param models of the run
   * @param examples latents of the models' size, with the conditions that they know
   * @param held examples that are not learned from, to measure with, whose captions stand behind
   *     the others in the models' table; null for none
   * @param begun the folder of a model of an earlier run, whose weights the student of its kind
   *     begins with in place of its teacher's; null for none
   * @param folder checkpoints and a folder for each student go here
   * @param resume which checkpoint to go on from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether every student is finished
   */
  public static boolean run(
      LatentModels models,
      Examples examples,
      Examples held,
      LatentDistillationSettings settings,
      Path begun,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    return begin(models, examples, held, settings, settings, begun, folder, resume, listener, stop);
  }

  /**
   * @param said what checkpoints are compared with
   */
  private static boolean begin(
      DistilledModels models,
      Examples examples,
      Examples held,
      Object said,
      LatentDistillationSettings settings,
      Path begun,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    DistillationSettings students = settings.students();
    GivenWeights given = begun == null ? null : GivenWeights.read(models, begun, students);
    String fingerprint =
        PhaseRun.fingerprint(said, examples.identity())
            + " from "
            + models.identity()
            + (given == null ? "" : ", begun with " + given.sha256());
    return PhaseRun.begin(
        folder,
        students.checkpointEvery(),
        fingerprint,
        Map.of(
            VelocityPhase.NAME,
            1,
            GuidancePhase.NAME,
            1,
            HalvingPhase.NAME,
            students.schedule().stages()),
        resume,
        listener,
        stop,
        phases -> {
          StudentTraining training =
              new StudentTraining(
                  models, examples, held, students, settings.recompute(), given, listener, phases);
          return new VelocityPhase(training, settings.velocity()).run()
              && new GuidancePhase(training, settings.velocity() != null).run()
              && new HalvingPhase(training, settings.noiseEnd()).run();
        });
  }
}
