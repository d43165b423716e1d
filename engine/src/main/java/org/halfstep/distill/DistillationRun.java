package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.diffusion.HalvingSchedule.Stage;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.train.PhaseRun;
import org.halfstep.train.Progress;
import org.halfstep.train.RunListener;
import org.halfstep.train.RunSettings;
import org.halfstep.train.TeacherRun;
import org.halfstep.train.Trainer;

/**
 * Both stages of distillation, from a teacher's file to a student of every step count, from the
 * newest checkpoint on. Each student is kept and is the teacher of the next stage; which stage a
 * run is in is read from its checkpoint.
 */
public final class DistillationRun {
  /** Name of the stage-one model in the run's folder. */
  public static final String GUIDED_FILE = "guided.safetensors";

  private static final String GUIDED_PHASE = "guided";
  private static final String HALVING_PHASE = "halving";
  private static final long GUIDED_STREAM = 2;
  private static final long HALVING_STREAM = 3;

  private final Device device;
  private final ImageDataset data;
  private final DistillationSettings settings;
  private final Path folder;
  private final RunListener listener;
  private final PhaseRun phases;

  private DistillationRun(
      Device device,
      ImageDataset data,
      DistillationSettings settings,
      Path folder,
      RunListener listener,
      BooleanSupplier stop,
      String fingerprint)
      throws IOException {
    this.device = device;
    this.data = data;
    this.settings = settings;
    this.folder = folder;
    this.listener = listener;
    this.phases = new PhaseRun(folder, settings.checkpointEvery(), fingerprint, listener, stop);
  }

  /** Name of the file of a student with this number of steps. */
  public static String studentFile(int steps) {
    return "student-" + steps + ".safetensors";
  }

  /**
   * Distills until the last student is done.
   *
   * @param teacherFile a teacher trained with label dropout, or a stage-one model (then stage one
   *     is skipped)
   * @param folder checkpoints, {@value #GUIDED_FILE} and the students go here
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether every student is finished
   */
  public static boolean run(
      Device device,
      Path teacherFile,
      ImageDataset data,
      DistillationSettings settings,
      Path folder,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    DistillationRun run =
        new DistillationRun(
            device, data, settings, folder, listener, stop, TeacherRun.fingerprint(settings, data));
    return run.guided(teacherFile) && run.halvings();
  }

  private boolean guided(Path teacherFile) throws IOException {
    Path file = folder.resolve(GUIDED_FILE);
    if (stageOneIsDone(file)) {
      return true;
    }
    try (Network teacher = Network.load(device, teacherFile)) {
      if (teacher.card().role() == Role.GUIDED) {
        teacher.save(file, teacher.card(), Dtype.F32);
        return true;
      }
      if (teacher.card().role() != Role.TEACHER) {
        throw new IllegalArgumentException(
            teacherFile
                + ": is a "
                + teacher.card().steps()
                + "-step student; distillation starts from a teacher");
      }
      return guided(teacher, file);
    }
  }

  /**
   * The checkpoint says so; a finished file alone also counts when no checkpoint of stage one is
   * left.
   */
  private boolean stageOneIsDone(Path file) throws IOException {
    Optional<Progress> saved = phases.saved();
    if (saved.isEmpty()) {
      return false;
    }
    return Files.exists(file)
        && (saved.get().phase().equals(HALVING_PHASE)
            || saved.get().update() >= settings.guided().updates());
  }

  private boolean guided(Network teacher, Path file) throws IOException {
    RunSettings run = settings.guided();
    UNetConfig config = teacher.config().withGuidance(settings.guidanceEmbedDim()).withDropout(0);
    ModelCard card =
        teacher
            .card()
            .guided(
                settings.guidance().min(),
                settings.guidance().max(),
                provenance(run.updates(), run.batch()));
    try (Network student = Network.like(device, config, card, teacher);
        Trainer trainer =
            trainer(
                student,
                run,
                Philox.childSeed(settings.seed(), GUIDED_STREAM),
                (batch, draws) ->
                    new GuidedObjective(
                        teacher, batch, draws, settings.guidance(), run.weighting()))) {
      boolean done =
          phases.run(
              GUIDED_PHASE,
              0,
              "stage one: guidance",
              student,
              trainer,
              TeacherRun.learningRate(run),
              run.updates());
      if (done) {
        student.save(file, card, Dtype.F32, TeacherRun.result(student, trainer.optimizer()));
        listener.saved(file);
      }
      return done;
    }
  }

  private boolean halvings() throws IOException {
    HalvingSchedule schedule = settings.schedule();
    Optional<Progress> saved = phases.saved();
    int first =
        saved.isPresent() && saved.get().phase().equals(HALVING_PHASE) ? saved.get().stage() : 0;
    for (int stage = first; stage < schedule.stages(); stage++) {
      if (!halving(schedule, schedule.stage(stage))) {
        return false;
      }
    }
    return true;
  }

  private boolean halving(HalvingSchedule schedule, Stage stage) throws IOException {
    Path file = folder.resolve(studentFile(stage.studentSteps()));
    Path teacherFile =
        folder.resolve(stage.index() == 0 ? GUIDED_FILE : studentFile(stage.teacherSteps()));
    RunSettings run = settings.halving();
    NoiseSchedule noise;
    try (Network teacher = Network.load(device, teacherFile)) {
      noise = new NoiseSchedule.TruncatedCosine(teacher.card().maxLogSnr());
      DistillationTarget target =
          settings.stochastic()
              ? DistillationTarget.stochastic(noise, stage.studentSteps())
              : DistillationTarget.deterministic(noise, stage.studentSteps());
      ModelCard card =
          teacher
              .card()
              .student(
                  stage.studentSteps(), target.chain(), provenance(stage.updates(), run.batch()));
      try (Network student = Network.like(device, teacher.config(), card, teacher);
          Trainer trainer =
              trainer(
                  student,
                  run,
                  Philox.childSeed(settings.seed(), HALVING_STREAM + stage.index()),
                  (batch, draws) ->
                      new HalvingObjective(
                          teacher, batch, draws, settings.guidance(), run.weighting(), target))) {
        boolean done =
            phases.run(
                HALVING_PHASE,
                stage.index(),
                "stage two: " + stage.teacherSteps() + " to " + stage.studentSteps() + " steps",
                student,
                trainer,
                schedule.learningRate(stage.index()),
                stage.updates());
        if (done) {
          student.save(file, card, Dtype.F32);
          listener.saved(file);
        }
        return done;
      }
    }
  }

  private Trainer trainer(
      Network student, RunSettings run, long seed, Trainer.ObjectiveFactory objective) {
    return new Trainer(
        student, data, run.batch(), settings.mirror(), seed, run.optimizer(), objective);
  }

  private Map<String, String> provenance(long updates, int batch) {
    return Map.of(
        "updates", Long.toString(updates),
        "batch", Integer.toString(batch),
        "seed", Long.toString(settings.seed()));
  }
}
