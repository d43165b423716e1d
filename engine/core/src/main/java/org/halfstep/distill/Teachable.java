package org.halfstep.distill;

import java.nio.file.Path;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;

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
    if (card.role() == Role.STUDENT) {
      throw new IllegalArgumentException(
          teacher
              + ": is a "
              + card.steps()
              + "-step student; distillation starts from a teacher or a stage-one model");
    }
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
