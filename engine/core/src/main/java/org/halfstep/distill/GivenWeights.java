package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.files.DataException;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.train.ConditionedNetwork;

/**
 * Weights that a student begins with in place of its teacher's: those of an earlier run, of which
 * nothing else is known. The moments of the optimizer begin at zero all the same. The student is
 * the one of their kind: of v, of stage one, or of as many steps.
 *
 * @param path of their model
 * @param sha256 of the file of its weights
 * @param card of it
 */
record GivenWeights(Path path, String sha256, ModelCard card) {
  /**
   * Reads what a model says of itself.
   *
   * @throws IOException in one line, when no student of the run can begin with it
   */
  static GivenWeights read(DistilledModels models, Path path, DistillationSettings settings)
      throws IOException {
    ConditionedNetwork known = models.open(path);
    try (var _ = known.network()) {
      GivenWeights given = new GivenWeights(path, models.sha256(path), known.network().card());
      given.requireKind(settings);
      return given;
    }
  }

  private void requireKind(DistillationSettings settings) throws DataException {
    if (card.predicts() != Parameterization.V) {
      throw new DataException(
          path,
          "predicts " + card.predicts() + ": a student begins with a network that predicts v");
    }
    if (card.takesGuidance()) {
      Teachable.requireRange(card, settings.guidance(), path);
    }
    HalvingSchedule schedule = settings.schedule();
    if (card.hasOwnSteps()
        && (card.steps() >= schedule.teacherSteps()
            || card.steps() < schedule.lastSteps()
            || Integer.bitCount(card.steps()) != 1)) {
      throw new DataException(
          path,
          "is a "
              + card.steps()
              + "-step student; the run makes students of "
              + schedule.teacherSteps() / 2
              + " to "
              + schedule.lastSteps()
              + " steps");
    }
  }

  /** Whether a student of so many steps begins with them. */
  boolean isStudent(int steps) {
    return card.hasOwnSteps() && card.steps() == steps;
  }

  boolean isGuided() {
    return card.role() == Role.GUIDED;
  }

  boolean isTeacher() {
    return card.role() == Role.TEACHER;
  }

  /**
   * The student that begins with them; closed by the caller, through its network.
   *
   * @param teacher of the same network, but that it may not take the guidance strength
   * @param guided whether the student takes it
   * @param said the student's card
   */
  ConditionedNetwork student(
      DistilledModels models, ConditionedNetwork teacher, boolean guided, ModelCard said)
      throws IOException {
    ConditionedNetwork known = models.open(path);
    try (var _ = known.network()) {
      if (!models.trained(known, guided).equals(models.trained(teacher, guided))) {
        throw new DataException(
            path,
            "has another network than the teacher: "
                + models.trained(known, guided).toJson()
                + ", not "
                + models.trained(teacher, guided).toJson());
      }
      if (!Objects.equals(card.betas(), said.betas()) || card.maxLogSnr() != said.maxLogSnr()) {
        throw new DataException(path, "has another noise schedule than the student to be made");
      }
      if (card.hasOwnSteps() && card.chain() != said.chain()) {
        throw new DataException(
            path, "is a student of the " + card.chain() + " chain, not of the " + said.chain());
      }
      if (card.hasOwnSteps() && card.role() != said.role()) {
        throw new DataException(path, "is a " + card.role() + ", not a " + said.role());
      }
      return models.student(known, guided, said);
    }
  }
}
