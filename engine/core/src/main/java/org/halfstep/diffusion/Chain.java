package org.halfstep.diffusion;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What the steps of a student of progressive distillation are made for. */
public enum Chain {
  /** N equal steps from noise to data. */
  @JsonProperty("deterministic")
  DETERMINISTIC,
  /** N - 1 steps of twice that length with noise between them, and a last one. */
  @JsonProperty("stochastic")
  STOCHASTIC,
  /** N equal steps from data to noise. */
  @JsonProperty("encoder")
  ENCODER;

  /** The solver that runs such a student; an encoder's is run backwards. */
  public Solver solver() {
    return this == STOCHASTIC ? Solver.STOCHASTIC : Solver.DDIM;
  }
}
