package org.halfstep.diffusion;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/**
 * The variances that a discrete schedule adds from level to level: {@code beta_u = (sqrt(start) + u
 * (sqrt(end) - sqrt(start)) / (steps - 1))^2}, which the published configurations call
 * "scaled_linear".
 *
 * @param start beta of level 0, above 0
 * @param end beta of the last level, from start to below 1
 * @param steps number of levels, 2 .. 100000
 * @param zeroTerminal whether the levels are rescaled so that the last one is pure noise
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Betas(double start, double end, int steps, boolean zeroTerminal) {
  /** Those of Stable Diffusion 1 and 2. */
  public static final Betas STABLE_DIFFUSION = new Betas(0.00085, 0.012, 1000, false);

  /** Those of the class-conditional latent diffusion models of Rombach et al. (2022). */
  public static final Betas LATENT_DIFFUSION = new Betas(0.0015, 0.0195, 1000, false);

  private static final int MOST_STEPS = 100_000;

  public Betas {
    if (!(start > 0 && end >= start && end < 1)) {
      throw new IllegalArgumentException(
          "betas must rise from above 0 to below 1, got " + start + " to " + end);
    }
    if (steps < 2 || steps > MOST_STEPS) {
      throw new IllegalArgumentException(
          "a discrete schedule has 2 to " + MOST_STEPS + " levels, got " + steps);
    }
  }

  /** The variance that level u adds. */
  public double at(int u) {
    double first = Math.sqrt(start);
    double root = first + u * (Math.sqrt(end) - first) / (steps - 1);
    return root * root;
  }
}
