package org.halfstep.diffusion;

/**
 * The target of stage one (Meng et al. 2023, algorithm 1) in v-space: the guided prediction of a
 * teacher with two branches at one (z_t, t, w). For a teacher that predicts v it is {@code (1 + w)
 * v_cond - w v_uncond} and does not depend on the noise level; the other kinds are converted on the
 * way. Nothing is clipped, and it is one prediction, never a finished image.
 *
 * @param onZ coefficient of z_t; 0 for a v teacher
 * @param onConditional coefficient of the teacher's conditional output
 * @param onUnconditional coefficient of its unconditional output
 */
public record GuidedTarget(double onZ, double onConditional, double onUnconditional) {
  /** The target for a teacher of the given kind at the noise level (alpha, sigma). */
  public static GuidedTarget of(Parameterization teacher, double alpha, double sigma, double w) {
    double onOutput = teacher.onOutput(Parameterization.V, alpha, sigma);
    return new GuidedTarget(
        teacher.onZ(Parameterization.V, alpha, sigma),
        onOutput * Guidance.onConditional(w),
        onOutput * Guidance.onUnconditional(w));
  }

  /** The target v over the arrays of one sample. */
  public void apply(double[] z, double[] conditional, double[] unconditional, double[] target) {
    for (int j = 0; j < target.length; j++) {
      target[j] = onZ * z[j] + onConditional * conditional[j] + onUnconditional * unconditional[j];
    }
  }
}
