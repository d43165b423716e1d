package org.halfstep.diffusion;

/** Noise schedules that pixel networks can be trained with, as settings name them. */
public enum ScheduleName {
  /** {@link NoiseSchedule.TruncatedCosine}. */
  COSINE,
  /** {@link NoiseSchedule.ShiftedCosine}, for the side of the images. */
  SHIFTED_COSINE,
  /**
   * {@link Betas#LINEAR}, the last level rescaled to noise alone, so that students can end there.
   */
  LINEAR
}
