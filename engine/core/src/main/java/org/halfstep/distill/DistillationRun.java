package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.diffusion.HalvingSchedule.Stage;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.files.FileDigest;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.train.ClassConditioned;
import org.halfstep.train.Examples;
import org.halfstep.train.LabelledImages;
import org.halfstep.train.PhaseRun;
import org.halfstep.train.Progress;
import org.halfstep.train.Resume;
import org.halfstep.train.RunListener;
import org.halfstep.train.RunSettings;
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
  private final long memory;
  private final Examples examples;
  private final DistillationSettings settings;
  private final Path folder;
  private final RunListener listener;
  private final PhaseRun phases;

  private DistillationRun(
      Device device,
      long memory,
      Examples examples,
      DistillationSettings settings,
      Path folder,
      RunListener listener,
      PhaseRun phases) {
    this.device = device;
    this.memory = memory;
    this.examples = examples;
    this.settings = settings;
    this.folder = folder;
    this.listener = listener;
    this.phases = phases;
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
   * @param memory bytes that packed weights of a teacher may take, or {@link
   *     Network#DEFAULT_MEMORY}; another limit may change the last bits of what it says
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
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    Examples examples = new LabelledImages(data, settings.mirror());
    String fingerprint =
        PhaseRun.fingerprint(settings, examples.identity()) + " from " + digest(teacherFile);
    return PhaseRun.begin(
        folder,
        settings.checkpointEvery(),
        fingerprint,
        Map.of(GUIDED_PHASE, 1, HALVING_PHASE, settings.schedule().stages()),
        resume,
        listener,
        stop,
        phases -> {
          DistillationRun run =
              new DistillationRun(device, memory, examples, settings, folder, listener, phases);
          return run.guided(teacherFile) && run.halvings();
        });
  }

  // Students of one teacher must not be continued with those of another.
  private static String digest(Path file) throws IOException {
    try {
      return FileDigest.sha256(file);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": there is no such file; distillation starts from a model", e);
    }
  }

  private boolean guided(Path teacherFile) throws IOException {
    Path file = folder.resolve(GUIDED_FILE);
    Optional<Progress> saved = phases.saved();
    // A run that has begun to halve is past stage one, whether or not its files are still there.
    if (saved.isPresent() && saved.get().phase().equals(HALVING_PHASE)
        || phases.isDone(GUIDED_PHASE, 0, settings.guided().updates(), file)) {
      return true;
    }
    try (Network<UNetConfig, ModelCard> teacher =
        Network.open(device, UNetConfig.FORMAT, teacherFile, memory)) {
      ModelCard card = teacher.card();
      if (card.role() == Role.STUDENT) {
        throw new IllegalArgumentException(
            teacherFile
                + ": is a "
                + card.steps()
                + "-step student; distillation starts from a teacher or a stage-one model");
      }
      if (card.role() == Role.GUIDED) {
        GuidanceRange known = new GuidanceRange(card.guidanceMin(), card.guidanceMax());
        if (!known.equals(settings.guidance())) {
          throw new IllegalArgumentException(
              teacherFile
                  + ": was made for guidance w in ["
                  + known.min()
                  + ", "
                  + known.max()
                  + "], the settings ask for ["
                  + settings.guidance().min()
                  + ", "
                  + settings.guidance().max()
                  + "]; use the model's range");
        }
        teacher.save(file, card, Dtype.F32);
        return true;
      }
      return guided(teacher, file);
    }
  }

  private boolean guided(Network<UNetConfig, ModelCard> teacher, Path file) throws IOException {
    RunSettings run = settings.guided();
    UNetConfig config =
        teacher.architecture().withGuidance(settings.guidanceEmbedDim()).withDropout(0);
    ModelCard card =
        teacher
            .card()
            .guided(
                settings.guidance().min(),
                settings.guidance().max(),
                provenance(run.updates(), run.batch()));
    try (Network<UNetConfig, ModelCard> student = Network.like(device, config, card, teacher);
        Trainer trainer =
            trainer(
                student,
                run,
                Philox.childSeed(settings.seed(), GUIDED_STREAM),
                (batch, draws) ->
                    new GuidedObjective(
                        new ClassConditioned(teacher),
                        batch,
                        draws,
                        settings.guidance(),
                        run.weighting()))) {
      return phases.run(
          GUIDED_PHASE,
          0,
          "stage one: guidance",
          null,
          student,
          trainer,
          run.schedule(),
          run.updates(),
          () -> {
            student.save(file, card, Dtype.F32, trainer.optimizer().result());
            listener.saved(file);
            return file;
          });
    }
  }

  private boolean halvings() throws IOException {
    HalvingSchedule schedule = settings.schedule();
    Optional<Progress> saved = phases.saved();
    int first = 0;
    if (saved.isPresent() && saved.get().phase().equals(HALVING_PHASE)) {
      first = saved.get().stage();
      Stage stage = schedule.stage(first);
      if (phases.isDone(HALVING_PHASE, first, stage.updates(), student(stage))) {
        first++;
      }
    }
    if (first == schedule.stages()) {
      listener.note(folder + ": every student is finished, nothing is left to do");
    }
    for (int stage = first; stage < schedule.stages(); stage++) {
      if (!halving(schedule, schedule.stage(stage))) {
        return false;
      }
    }
    return true;
  }

  private Path student(Stage stage) {
    return folder.resolve(studentFile(stage.studentSteps()));
  }

  private boolean halving(HalvingSchedule schedule, Stage stage) throws IOException {
    Path file = student(stage);
    Path teacherFile =
        folder.resolve(stage.index() == 0 ? GUIDED_FILE : studentFile(stage.teacherSteps()));
    if (!Files.exists(teacherFile)) {
      throw new IOException(
          teacherFile
              + ": is missing; the run stands after the stage that wrote it and needs it as teacher");
    }
    RunSettings run = settings.halving();
    try (Network<UNetConfig, ModelCard> teacher =
        Network.open(device, UNetConfig.FORMAT, teacherFile, memory)) {
      NoiseSchedule noise = teacher.card().noiseSchedule();
      TimeGrid grid = teacher.card().timeGrid();
      DistillationTarget target =
          settings.stochastic()
              ? DistillationTarget.stochastic(noise, grid, stage.studentSteps())
              : DistillationTarget.deterministic(noise, grid, stage.studentSteps());
      ModelCard card =
          teacher
              .card()
              .student(
                  stage.studentSteps(), target.chain(), provenance(stage.updates(), run.batch()));
      try (Network<UNetConfig, ModelCard> student =
              Network.like(device, teacher.architecture(), card, teacher);
          Trainer trainer =
              trainer(
                  student,
                  run,
                  Philox.childSeed(settings.seed(), HALVING_STREAM + stage.index()),
                  (batch, draws) ->
                      new HalvingObjective(
                          new ClassConditioned(teacher),
                          batch,
                          draws,
                          settings.guidance(),
                          run.weighting(),
                          target))) {
        return phases.run(
            HALVING_PHASE,
            stage.index(),
            "stage two: " + stage.teacherSteps() + " to " + stage.studentSteps() + " steps",
            teacherFile,
            student,
            trainer,
            schedule.learningRate(stage.index()),
            stage.updates(),
            () -> {
              student.save(file, card, Dtype.F32);
              listener.saved(file);
              return file;
            });
      }
    }
  }

  private Trainer trainer(
      Network<UNetConfig, ModelCard> student,
      RunSettings run,
      long seed,
      Trainer.ObjectiveFactory objective) {
    return new Trainer(
        new ClassConditioned(student),
        examples,
        run.batch(),
        run.precision(),
        seed,
        run.optimizer(),
        objective);
  }

  private Map<String, String> provenance(long updates, int batch) {
    return Map.of(
        "updates", Long.toString(updates),
        "batch", Integer.toString(batch),
        "seed", Long.toString(settings.seed()));
  }
}
