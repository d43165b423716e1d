package org.halfstep.distill;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Students of another kind than those that make images and take the guidance strength. */
public enum StudentKind {
  /** They take images to noise, without guidance (DDIM run backwards in few steps). */
  @JsonProperty("encoder")
  ENCODER,
  /**
   * Without stage one: the branches with and without condition are halved each by itself, and are
   * combined when images are made, by two evaluations a step. What Meng et al. (2023) compare with
   * and find to fail at few steps.
   */
  @JsonProperty("naive")
  NAIVE
}
