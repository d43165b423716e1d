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
  CONSISTENCY
}
