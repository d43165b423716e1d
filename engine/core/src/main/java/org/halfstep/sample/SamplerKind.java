package org.halfstep.sample;

/** How an image is made from noise. */
public enum SamplerKind {
  /** Deterministic (Song et al., 2021), in the angle form. */
  DDIM,
  /** Stochastic, with the posterior variance of DDPM (Ho et al., 2020). */
  ANCESTRAL,
  /**
   * The stochastic N-step sampler of Meng et al. (2023), section 3.3: two steps forward, one step
   * of noise back.
   */
  STOCHASTIC
}
