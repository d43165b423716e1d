package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.files.DataException;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.RunSettings;

/**
 * Stage one: guidance in one evaluation.
 *
 * @param followsVelocity whether a teacher of eps learns v before it
 */
record GuidancePhase(StudentTraining training, boolean followsVelocity) {
  static final String NAME = "guided";
  private static final long STREAM = 2;

  /** Where stage two begins. */
  static Path place(StudentTraining training) {
    return training.models().place(training.settings().absorbsGuidance() ? NAME : "beginning");
  }

  /** Runs it where it is needed; false when it was asked to stop. */
  boolean run() throws IOException {
    DistilledModels models = training.models();
    DistillationSettings settings = training.settings();
    Path kept = place(training);
    // A run that has begun to halve is past stage one, whether or not its files are still there.
    if (training.isIn(HalvingPhase.NAME)
        || training.isDone(NAME, 0, settings.guided().updates(), kept)) {
      return true;
    }
    Path learned = models.place(VelocityPhase.NAME);
    boolean changed = followsVelocity && Files.exists(learned);
    ConditionedNetwork teacher =
        changed ? models.open(models.shown(learned)) : models.openTeacher();
    try (var _ = teacher.network()) {
      ModelCard card = teacher.network().card();
      Teachable.require(card, models.teacher());
      if (!settings.absorbsGuidance()) {
        requireNoneGiven();
        ConditionedNetwork beginning = Teachable.beginning(models, teacher, settings.kind());
        try (var _ = beginning.network()) {
          models.save(beginning, beginning.network().card(), beginning.network().values(), kept);
        }
        return true;
      }
      if (card.role() == Role.GUIDED) {
        Teachable.requireRange(card, settings.guidance(), models.teacher());
        requireNoneGiven();
        models.save(teacher, card, teacher.network().values(), kept);
        return true;
      }
      return run(teacher, changed ? learned : null, kept);
    }
  }

  /** Whether the student begins with given weights: of its kind, or of the first of all phases. */
  private boolean begun(boolean isFirst) {
    GivenWeights given = training.given();
    return given != null && (given.isGuided() || isFirst && given.isTeacher());
  }

  private void requireNoneGiven() throws DataException {
    if (begun(true)) {
      throw new DataException(
          training.given().path(),
          "is no student of stage two, and the run has no other: "
              + (training.settings().absorbsGuidance()
                  ? "its teacher is a stage-one model"
                  : "it has no stage one"));
    }
  }

  private boolean run(ConditionedNetwork teacher, Path from, Path kept) throws IOException {
    DistillationSettings settings = training.settings();
    RunSettings run = settings.guided();
    ModelCard card =
        teacher
            .network()
            .card()
            .guided(settings.guidance().min(), settings.guidance().max(), Map.of());
    return training.train(
        new StudentTraining.Phase(
            NAME, 0, "stage one: guidance", STREAM, run, run.schedule(), run.updates(), kept),
        teacher,
        from,
        true,
        card,
        begun(from == null),
        (batch, draws) ->
            new GuidedObjective(teacher, batch, draws, settings.guidance(), run.weighting()),
        StudentTraining.Verdict.NONE);
  }
}
