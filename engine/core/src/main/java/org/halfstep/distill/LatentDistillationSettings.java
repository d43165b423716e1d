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
 * @param masks of each picture, from 1 to 1,024, where the teacher is an inpainting network
 */
public record LatentDistillationSettings(
    VelocitySettings velocity,
    DistillationSettings students,
    boolean noiseEnd,
    boolean recompute,
    int masks) {
  /** Most masks of a picture: each is encoded and kept. */
  private static final int MOST_MASKS = 1024;

  public LatentDistillationSettings {
    if (students == null) {
      throw new IllegalArgumentException("students must be given");
    }
    if (masks < 1 || masks > MOST_MASKS) {
      throw new IllegalArgumentException(
          "a picture has 1 to " + MOST_MASKS + " masks, got " + masks);
    }
  }
}
