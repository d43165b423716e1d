package org.halfstep.diffusion;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * The variances that a discrete schedule adds from level to level.
 *
 * @param start beta of level 0, above 0
 * @param end beta of the last level, from start to below 1
 * @param steps number of levels, 2 .. 100000
 * @param zeroTerminal whether the levels are rescaled so that the last one is pure noise
 * @param rise how they rise between the two; null for {@link Rise#SCALED_LINEAR}
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Betas(double start, double end, int steps, boolean zeroTerminal, Rise rise) {
  /** How betas rise, by the names of the published configurations. */
  public enum Rise {
    /** Their square roots lie evenly, as in latent models. */
    SCALED_LINEAR,
    /** They lie evenly themselves, as in Ho et al. (2020). */
    LINEAR
  }

  /** Those of Stable Diffusion 1 and 2. */
  public static final Betas STABLE_DIFFUSION = new Betas(0.00085, 0.012, 1000, false, null);

  /** Those of the class-conditional latent diffusion models of Rombach et al. (2022). */
  public static final Betas LATENT_DIFFUSION = new Betas(0.0015, 0.0195, 1000, false, null);

  private static final int MOST_STEPS = 100_000;

  public Betas {
    // Files of the usual kind do not say it, and stay readable by earlier versions.
    rise = rise == Rise.SCALED_LINEAR ? null : rise;
    if (!(start > 0 && end >= start && end < 1)) {
      throw new IllegalArgumentException(
          "betas must rise from above 0 to below 1, got " + start + " to " + end);
    }
    if (steps < 2 || steps > MOST_STEPS) {
      throw new IllegalArgumentException(
          "a discrete schedule has 2 to " + MOST_STEPS + " levels, got " + steps);
    }
  }

  /** Betas whose square roots lie evenly. */
  public static Betas scaledLinear(double start, double end, int steps) {
    return new Betas(start, end, steps, false, null);
  }

  /** The same levels, the last one rescaled to pure noise. */
  public Betas withZeroTerminal() {
    return new Betas(start, end, steps, true, rise);
  }

  /** The variance that level u adds. */
  public double at(int u) {
    if (rise == Rise.LINEAR) {
      return start + u * (end - start) / (steps - 1);
    }
    double first = Math.sqrt(start);
    double root = first + u * (Math.sqrt(end) - first) / (steps - 1);
    return root * root;
  }
}
