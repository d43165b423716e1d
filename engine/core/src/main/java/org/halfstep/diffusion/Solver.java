package org.halfstep.diffusion;

/** How an image is made from noise. */
public enum Solver {
  /** Deterministic (Song et al., 2021), in the angle form. */
  DDIM,
  /** Stochastic, with the posterior variance of DDPM (Ho et al., 2020). */
  ANCESTRAL,
  /**
   * The stochastic N-step sampler of Meng et al. (2023), section 3.3: two steps forward, one step
   * of noise back.
   */
  STOCHASTIC,
  /**
   * DPM-Solver++(2M) (Lu et al., 2022): deterministic, of second order by what the step before
   * predicted.
   */
  DPM_SOLVER,
  /**
   * Stochastic, of latent consistency models (Luo et al., 2023): each step predicts the image, and
   * fresh noise brings it to the next level.
   */
  CONSISTENCY,
  /**
   * PNDM's linear multistep (Liu et al., 2022): deterministic, of fourth order in the noise that
   * the last evaluations predicted, and one evaluation more than steps.
   */
  PNDM,
  /**
   * Euler's method in z / alpha over sigma / alpha (Karras et al., 2022): the steps of DDIM, at
   * times between two levels where they are spaced evenly.
   */
  EULER,
  /** {@link #ANCESTRAL} at the times of {@link #EULER}. */
  EULER_ANCESTRAL,
  /**
   * Heun's method on the steps of DDIM (Karras et al., 2022): deterministic, of second order by an
   * evaluation where each step but the last leads.
   */
  HEUN;

  /** Evaluations of a network that so many steps take. */
  public int evaluations(int steps) {
    return switch (this) {
      case PNDM -> steps > 1 ? steps + 1 : steps;
      case HEUN -> 2 * steps - 1;
      default -> steps;
    };
  }

  /** The most steps that take no more than so many evaluations, at least 1 of them. */
  public int stepsWithin(int evaluations) {
    int steps = evaluations;
    while (steps > 1 && evaluations(steps) > evaluations) {
      steps--;
    }
    return steps;
  }

  /** Whether an image follows from what it begins with: no noise is drawn on the way. */
  public boolean isDeterministic() {
    return switch (this) {
      case DDIM, DPM_SOLVER, PNDM, EULER, HEUN -> true;
      case ANCESTRAL, STOCHASTIC, CONSISTENCY, EULER_ANCESTRAL -> false;
    };
  }

  /** Whether it may evaluate its network between two levels of a discrete schedule. */
  boolean isFractional() {
    return this == EULER || this == EULER_ANCESTRAL;
  }
}
