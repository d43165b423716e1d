package org.halfstep.distill;

import java.util.Map;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.model.ModelCard;

/**
 * What a student of a halving is trained to predict, and its card.
 *
 * @param target at each index of the student's grid
 * @param card of the student
 */
record HalvingTarget(DistillationTarget target, ModelCard card) {
  /**
   * The target of one halving.
   *
   * @param teacher its card
   * @param steps of the student
   * @param noiseEnd whether a student of one step is trained from noise alone
   */
  static HalvingTarget of(
      DistillationSettings settings, ModelCard teacher, int steps, boolean noiseEnd) {
    NoiseSchedule noise = teacher.noiseSchedule();
    boolean ends =
        noiseEnd
            && steps == 1
            && settings.kind() != StudentKind.ENCODER
            && noise instanceof DiscreteSchedule;
    if (ends) {
      noise = ((DiscreteSchedule) noise).withNoiseEnd();
    }
    DistillationTarget target =
        DistillationTarget.of(settings.chain(), noise, teacher.timeGrid(), steps);
    ModelCard card =
        settings.kind() == StudentKind.NAIVE
            ? teacher.naive(steps, target.chain(), Map.of())
            : teacher.student(steps, target.chain(), Map.of());
    return new HalvingTarget(target, ends ? card.withNoiseEnd() : card);
  }
}
