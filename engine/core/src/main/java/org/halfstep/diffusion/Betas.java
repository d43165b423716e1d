package org.halfstep.diffusion;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * The variances that a discrete schedule adds from level to level.
 *
 * @param start beta of level 0, above 0; of a cosine its offset
 * @param end beta of the last level, from start to below 1; of a cosine the largest
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
    LINEAR,
    /**
     * What is left of the image falls like a cosine from the time offset {@code start} on, and no
     * beta is above {@code end} (Nichol and Dhariwal, 2021, equation 17).
     */
    COSINE
  }

  /** Those of Stable Diffusion 1 and 2. */
  public static final Betas STABLE_DIFFUSION = new Betas(0.00085, 0.012, 1000, false, null);

  /** Those of the class-conditional latent diffusion models of Rombach et al. (2022). */
  public static final Betas LATENT_DIFFUSION = new Betas(0.0015, 0.0195, 1000, false, null);

  /** The linear ones of Ho et al. (2020). */
  public static final Betas LINEAR = new Betas(1e-4, 0.02, 1000, false, Rise.LINEAR);

  /** The cosine of Nichol and Dhariwal (2021). */
  public static final Betas COSINE = new Betas(0.008, 0.999, 1000, false, Rise.COSINE);

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
    if (rise == Rise.COSINE) {
      return Math.min(1 - cosine(u + 1) / cosine(u), end);
    }
    double first = Math.sqrt(start);
    double root = first + u * (Math.sqrt(end) - first) / (steps - 1);
    return root * root;
  }

  /** Square of what is left of the image after so many levels, but for a factor. */
  private double cosine(int levels) {
    double root = Math.cos(((double) levels / steps + start) / (1 + start) * Math.PI / 2);
    return root * root;
  }
}
