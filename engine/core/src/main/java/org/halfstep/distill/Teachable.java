package org.halfstep.distill;

import java.nio.file.Path;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.model.ModelCard;
import org.halfstep.train.ConditionedNetwork;

/** What a model must be to begin a distillation with, in one line where it is not. */
final class Teachable {
  private Teachable() {}

  /** Fails for a student, and where a prediction says nothing of the image. */
  static void require(ModelCard card, Path teacher) {
    if (card.predicts() != Parameterization.V && card.noiseSchedule().alpha(1) == 0) {
      throw new IllegalArgumentException(
          teacher
              + ": predicts "
              + card.predicts()
              + " on a schedule that ends in noise alone, where that says nothing of the image;"
              + " expected a network that predicts v");
    }
    if (card.hasOwnSteps()) {
      throw new IllegalArgumentException(
          teacher
              + ": is a "
              + card.steps()
              + "-step student; distillation starts from a teacher or a stage-one model");
    }
  }

  /**
   * What an encoder, or a naive student, begins with: the teacher as it is. To an encoder its w = 0
   * is an input, as to any student, that changes nothing yet.
   *
   * @return closed by the caller, through its network
   * @throws IllegalArgumentException in one line, where they cannot begin with this teacher
   */
  static ConditionedNetwork beginning(
      DistilledModels models, ConditionedNetwork teacher, StudentKind kind) {
    ModelCard card = teacher.network().card();
    if (kind == StudentKind.NAIVE) {
      if (card.takesGuidance()) {
        throw new IllegalArgumentException(
            models.teacher() + ": is a stage-one model; naive students begin with a teacher");
      }
      return models.student(teacher, false, card);
    }
    if (card.takesGuidance() && card.guidanceMin() > 0) {
      throw new IllegalArgumentException(
          models.teacher()
              + ": was made for guidance w from "
              + card.guidanceMin()
              + " on, and an encoder has w = 0: distill it from the teacher itself");
    }
    return models.student(teacher, true, card.guided(0, 0, card.provenance()));
  }

  /** Fails where a stage-one model takes another range of w than is wanted. */
  static void requireRange(ModelCard card, GuidanceRange wanted, Path teacher) {
    GuidanceRange known = new GuidanceRange(card.guidanceMin(), card.guidanceMax());
    if (!known.equals(wanted)) {
      throw new IllegalArgumentException(
          teacher
              + ": was made for guidance w in ["
              + known.min()
              + ", "
              + known.max()
              + "], the settings ask for ["
              + wanted.min()
              + ", "
              + wanted.max()
              + "]; use the model's range");
    }
  }
}
