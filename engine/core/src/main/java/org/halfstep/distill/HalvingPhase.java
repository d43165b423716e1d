package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.diffusion.HalvingSchedule.Stage;
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
    return training.models().place(training.settings().student(steps));
  }

  private boolean run(HalvingSchedule schedule, Stage stage) throws IOException {
    DistilledModels models = training.models();
    Path from = stage.index() == 0 ? GuidancePhase.place(training) : place(stage.teacherSteps());
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
    HalvingTarget halving = HalvingTarget.of(settings, teacher.network().card(), steps, noiseEnd);
    return training.train(
        new StudentTraining.Phase(
            NAME,
            stage.index(),
            "stage two: " + stage.teacherSteps() + " to " + steps + " steps",
            STREAM + stage.index(),
            run,
            schedule.learningRate(stage.index()).risingOver(run.warmUp()),
            stage.updates(),
            place(steps)),
        teacher,
        from,
        halving.card().takesGuidance(),
        halving.card(),
        training.given() != null && training.given().isStudent(steps),
        (batch, draws) ->
            new HalvingObjective(
                teacher,
                batch,
                draws,
                settings.guidance(),
                run.weighting(),
                halving.target(),
                settings.conditionDropout()),
        StudentTraining.Verdict.NONE);
  }
}
