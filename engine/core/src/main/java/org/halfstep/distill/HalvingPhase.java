package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.diffusion.HalvingSchedule.Stage;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.RunSettings;

/**
 * Stage two: 2N steps into N, again and again. Each student is kept and is the teacher of the next.
 *
 * @param noiseEnd whether a student of one step is trained from noise alone, where the teacher's
 *     last level keeps a little of the image
 */
record HalvingPhase(StudentTraining training, boolean noiseEnd) {
  static final String NAME = "halving";

  /** That of the first stage; the others follow it. */
  private static final long STREAM = 3;

  /** Runs what is left of it; false when it was asked to stop. */
  boolean run() throws IOException {
    HalvingSchedule schedule = training.settings().schedule();
    int first = 0;
    if (training.isIn(NAME)) {
      first = training.phases().saved().orElseThrow().stage();
      Stage stage = schedule.stage(first);
      if (training.isDone(NAME, first, stage.updates(), place(stage.studentSteps()))) {
        first++;
      }
    }
    if (first == schedule.stages()) {
      training
          .listener()
          .note(
              training.models().shown(place(schedule.lastSteps())).getParent()
                  + ": every student is finished; there is nothing left to do");
    }
    for (int stage = first; stage < schedule.stages(); stage++) {
      if (!run(schedule, schedule.stage(stage))) {
        return false;
      }
    }
    return true;
  }

  private Path place(int steps) {
    return training.models().place(DistillationRun.student(steps));
  }

  private boolean run(HalvingSchedule schedule, Stage stage) throws IOException {
    DistilledModels models = training.models();
    Path from = stage.index() == 0 ? models.place(GuidancePhase.NAME) : place(stage.teacherSteps());
    if (!Files.exists(from)) {
      throw new IOException(
          models.shown(from)
              + ": is missing; the run stands after the stage that wrote it and needs it as teacher");
    }
    ConditionedNetwork teacher = models.open(models.shown(from));
    try (var _ = teacher.network()) {
      return run(schedule, stage, teacher, from);
    }
  }

  private boolean run(HalvingSchedule schedule, Stage stage, ConditionedNetwork teacher, Path from)
      throws IOException {
    DistillationSettings settings = training.settings();
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
    ModelCard plain = known.student(steps, target.chain(), Map.of());
    return training.train(
        new StudentTraining.Phase(
            NAME,
            stage.index(),
            "stage two: " + stage.teacherSteps() + " to " + steps + " steps",
            STREAM + stage.index(),
            run,
            schedule.learningRate(stage.index()),
            stage.updates(),
            place(steps)),
        teacher,
        from,
        true,
        ends ? plain.withNoiseEnd() : plain,
        training.given() != null && training.given().isStudent(steps),
        (batch, draws) ->
            new HalvingObjective(
                teacher, batch, draws, settings.guidance(), run.weighting(), target),
        StudentTraining.Verdict.NONE);
  }
}
