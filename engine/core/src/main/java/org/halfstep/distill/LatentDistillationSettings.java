package org.halfstep.distill;

/**
 * Everything that decides what the students of a latent model become, beside the data.
 *
 * @param velocity how a teacher of eps learns to predict v first; null to form the targets of stage
 *     one from its eps. A teacher of v needs neither
 * @param students both stages
 * @param noiseEnd whether a student of one step is trained from noise alone, as it is sampled,
 *     where the teacher's last level keeps a little of the image
 * @param recompute whether blocks of the trained network run once more on the way back instead of
 *     being kept: much less memory, a third more work, the same numbers
 */
public record LatentDistillationSettings(
    VelocitySettings velocity, DistillationSettings students, boolean noiseEnd, boolean recompute) {
  public LatentDistillationSettings {
    if (students == null) {
      throw new IllegalArgumentException("students must be given");
    }
  }
}
