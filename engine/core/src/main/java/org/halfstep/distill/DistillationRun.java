package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.diffusion.HalvingSchedule.Stage;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.random.Philox;
import org.halfstep.train.ConditionedNetwork;
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
 * newest checkpoint on. A teacher that predicts eps learns to predict v first. Each student is kept
 * and is the teacher of the next stage; which stage a run is in is read from its checkpoint.
 */
public final class DistillationRun {
  /** Name of the stage-one model in the run's folder. */
  public static final String GUIDED_FILE = "guided.safetensors";

  private static final String VELOCITY = "velocity";
  private static final String GUIDED = "guided";
  private static final String HALVING = "halving";
  private static final long GUIDED_STREAM = 2;
  private static final long HALVING_STREAM = 3;
  // Far from those of any number of halvings.
  private static final long VELOCITY_STREAM = 1000;
  private static final long MEASURED_STREAM = 1001;

  /** Examples of each bin of time that a network of v is compared with its teacher on. */
  private static final int MEASURED_PER_BIN = 32;

  private final DistilledModels models;
  private final Examples examples;
  private final VelocitySettings velocity;
  private final DistillationSettings settings;
  private final boolean noiseEnd;
  private final boolean recomputes;
  private final RunListener listener;
  private final PhaseRun phases;

  private DistillationRun(
      DistilledModels models,
      Examples examples,
      VelocitySettings velocity,
      DistillationSettings settings,
      boolean noiseEnd,
      boolean recomputes,
      RunListener listener,
      PhaseRun phases) {
    this.models = models;
    this.examples = examples;
    this.velocity = velocity;
    this.settings = settings;
    this.noiseEnd = noiseEnd;
    this.recomputes = recomputes;
    this.listener = listener;
    this.phases = phases;
  }

  /** Name of the file of a student of pixels with this number of steps. */
  public static String studentFile(int steps) {
    return student(steps) + ".safetensors";
  }

  /** Name of a student with this number of steps, and of the folder of a latent one. */
  public static String student(int steps) {
    return "student-" + steps;
  }

  /**
   * Distills a network of pixels until the last student is done.
   *
   * @param teacherFile a teacher trained with label dropout, or a stage-one model (then stage one
   *     is skipped)
   * @param memory bytes that packed weights of a teacher may take, or {@link
   *     org.halfstep.model.Network#DEFAULT_MEMORY}; another limit may change the last bits of what
   *     it says
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
    DistilledModels models =
        new PixelModels(device, teacherFile, memory, folder, settings.guidanceEmbedDim());
    Examples examples = new LabelledImages(data, settings.mirror());
    return begin(
        folder,
        settings,
        models,
        examples,
        settings,
        resume,
        listener,
        stop,
        phases ->
            new DistillationRun(models, examples, null, settings, false, false, listener, phases));
  }

  /**
   * Distills a latent model until the last student is done.
   *
   * @param models of the run
   * @param examples latents of the models' size, with the conditions that they know
   * @param folder checkpoints and a folder for each student go here
   * @param resume which checkpoint to go on from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether every student is finished
   */
  public static boolean run(
      LatentModels models,
      Examples examples,
      LatentDistillationSettings settings,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    return begin(
        folder,
        settings,
        models,
        examples,
        settings.students(),
        resume,
        listener,
        stop,
        phases ->
            new DistillationRun(
                models,
                examples,
                settings.velocity(),
                settings.students(),
                settings.noiseEnd(),
                settings.recompute(),
                listener,
                phases));
  }

  @FunctionalInterface
  private interface Beginning {
    DistillationRun with(PhaseRun phases);
  }

  private static boolean begin(
      Path folder,
      Object said,
      DistilledModels models,
      Examples examples,
      DistillationSettings settings,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop,
      Beginning beginning)
      throws IOException {
    String fingerprint =
        PhaseRun.fingerprint(said, examples.identity()) + " from " + models.identity();
    return PhaseRun.begin(
        folder,
        settings.checkpointEvery(),
        fingerprint,
        Map.of(VELOCITY, 1, GUIDED, 1, HALVING, settings.schedule().stages()),
        resume,
        listener,
        stop,
        phases -> {
          DistillationRun run = beginning.with(phases);
          return run.velocity() && run.guided() && run.halvings();
        });
  }

  private boolean isIn(String... names) throws IOException {
    Optional<Progress> saved = phases.saved();
    return saved.isPresent() && List.of(names).contains(saved.get().phase());
  }

  // ---- A teacher of eps learns v

  private boolean velocity() throws IOException {
    Path kept = models.place(VELOCITY);
    if (velocity == null
        || isIn(GUIDED, HALVING)
        || phases.isDone(VELOCITY, 0, velocity.run().updates(), kept)) {
      return true;
    }
    ConditionedNetwork teacher = models.openTeacher();
    try (var _ = teacher.network()) {
      ModelCard card = teacher.network().card();
      if (card.predicts() == Parameterization.V) {
        return true;
      }
      Teachable.require(card, models.teacher());
      return velocity(teacher, kept);
    }
  }

  private boolean velocity(ConditionedNetwork teacher, Path kept) throws IOException {
    RunSettings run = velocity.run();
    ModelCard card = teacher.network().card().velocity(provenance(run.updates(), run.batch()));
    ConditionedNetwork student = models.student(teacher, false, card);
    try (var _ = student.network();
        Trainer trainer =
            trainer(
                student,
                run,
                VELOCITY_STREAM,
                (batch, draws) ->
                    new VelocityObjective(
                        teacher, batch, draws, velocity.ramp(), velocity.dropout()))) {
      boolean done =
          phases.run(
              VELOCITY,
              0,
              "from eps to v",
              null,
              student.network(),
              trainer,
              run.schedule(),
              run.updates(),
              () -> save(student, trainer, kept));
      if (done) {
        listener.note(
            ConversionErrors.measure(
                    teacher,
                    student,
                    trainer.optimizer().result(),
                    examples,
                    MEASURED_PER_BIN,
                    Math.min(run.batch(), MEASURED_PER_BIN),
                    Philox.childSeed(settings.seed(), MEASURED_STREAM))
                .describe());
      }
      return done;
    }
  }

  // ---- Stage one

  private boolean guided() throws IOException {
    Path kept = models.place(GUIDED);
    // A run that has begun to halve is past stage one, whether or not its files are still there.
    if (isIn(HALVING) || phases.isDone(GUIDED, 0, settings.guided().updates(), kept)) {
      return true;
    }
    Path learned = models.place(VELOCITY);
    boolean changed = velocity != null && Files.exists(learned);
    ConditionedNetwork teacher = changed ? models.open(learned) : models.openTeacher();
    try (var _ = teacher.network()) {
      ModelCard card = teacher.network().card();
      Teachable.require(card, models.teacher());
      if (card.role() == Role.GUIDED) {
        Teachable.requireRange(card, settings.guidance(), models.teacher());
        models.save(teacher, teacher.network().values(), kept);
        return true;
      }
      return guided(teacher, changed ? learned : null, kept);
    }
  }

  private boolean guided(ConditionedNetwork teacher, Path from, Path kept) throws IOException {
    RunSettings run = settings.guided();
    ModelCard card =
        teacher
            .network()
            .card()
            .guided(
                settings.guidance().min(),
                settings.guidance().max(),
                provenance(run.updates(), run.batch()));
    ConditionedNetwork student = models.student(teacher, true, card);
    try (var _ = student.network();
        Trainer trainer =
            trainer(
                student,
                run,
                GUIDED_STREAM,
                (batch, draws) ->
                    new GuidedObjective(
                        teacher, batch, draws, settings.guidance(), run.weighting()))) {
      return phases.run(
          GUIDED,
          0,
          "stage one: guidance",
          from,
          student.network(),
          trainer,
          run.schedule(),
          run.updates(),
          () -> save(student, trainer, kept));
    }
  }

  // ---- Stage two

  private boolean halvings() throws IOException {
    HalvingSchedule schedule = settings.schedule();
    Optional<Progress> saved = phases.saved();
    int first = 0;
    if (isIn(HALVING)) {
      first = saved.orElseThrow().stage();
      Stage stage = schedule.stage(first);
      if (phases.isDone(HALVING, first, stage.updates(), place(stage.studentSteps()))) {
        first++;
      }
    }
    if (first == schedule.stages()) {
      listener.note(
          models.shown(place(schedule.lastSteps())).getParent()
              + ": every student is finished; there is nothing left to do");
    }
    for (int stage = first; stage < schedule.stages(); stage++) {
      if (!halving(schedule, schedule.stage(stage))) {
        return false;
      }
    }
    return true;
  }

  private Path place(int steps) {
    return models.place(student(steps));
  }

  private boolean halving(HalvingSchedule schedule, Stage stage) throws IOException {
    Path from = stage.index() == 0 ? models.place(GUIDED) : place(stage.teacherSteps());
    if (!Files.exists(from)) {
      throw new IOException(
          models.shown(from)
              + ": is missing; the run stands after the stage that wrote it and needs it as teacher");
    }
    ConditionedNetwork teacher = models.open(from);
    try (var _ = teacher.network()) {
      return halving(schedule, stage, teacher, from);
    }
  }

  private boolean halving(
      HalvingSchedule schedule, Stage stage, ConditionedNetwork teacher, Path from)
      throws IOException {
    RunSettings run = settings.halving();
    int steps = stage.studentSteps();
    ModelCard known = teacher.network().card();
    NoiseSchedule noise = known.noiseSchedule();
    boolean ends = noiseEnd && steps == 1 && noise instanceof DiscreteSchedule;
    if (ends) {
      noise = ((DiscreteSchedule) noise).withNoiseEnd();
    }
    TimeGrid grid = known.timeGrid();
    DistillationTarget target =
        settings.stochastic()
            ? DistillationTarget.stochastic(noise, grid, steps)
            : DistillationTarget.deterministic(noise, grid, steps);
    ModelCard plain =
        known.student(steps, target.chain(), provenance(stage.updates(), run.batch()));
    ModelCard card = ends ? plain.withNoiseEnd() : plain;
    Path kept = place(steps);
    ConditionedNetwork student = models.student(teacher, true, card);
    try (var _ = student.network();
        Trainer trainer =
            trainer(
                student,
                run,
                HALVING_STREAM + stage.index(),
                (batch, draws) ->
                    new HalvingObjective(
                        teacher, batch, draws, settings.guidance(), run.weighting(), target))) {
      return phases.run(
          HALVING,
          stage.index(),
          "stage two: " + stage.teacherSteps() + " to " + steps + " steps",
          from,
          student.network(),
          trainer,
          schedule.learningRate(stage.index()),
          stage.updates(),
          () -> save(student, trainer, kept));
    }
  }

  private Path save(ConditionedNetwork student, Trainer trainer, Path kept) throws IOException {
    models.save(student, trainer.optimizer().result(), kept);
    listener.saved(models.shown(kept));
    return kept;
  }

  private Trainer trainer(
      ConditionedNetwork student,
      RunSettings run,
      long stream,
      Trainer.ObjectiveFactory objective) {
    long seed = Philox.childSeed(settings.seed(), stream);
    return new Trainer(
        student,
        examples,
        PlanOptions.training(run.batch(), seed)
            .withType(run.precision())
            .withRecomputation(recomputes),
        seed,
        run.optimizer(),
        objective);
  }

  private Map<String, String> provenance(long updates, int batch) {
    Map<String, String> provenance = new LinkedHashMap<>();
    provenance.put("updates", Long.toString(updates));
    provenance.put("batch", Integer.toString(batch));
    provenance.put("seed", Long.toString(settings.seed()));
    return provenance;
  }
}
