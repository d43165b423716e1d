package org.halfstep.latent;

import com.fasterxml.jackson.annotation.JsonProperty;

/** The halves of a first stage. */
public enum Half {
  /** From images to latents. */
  @JsonProperty("encoder")
  ENCODER,
  /** From latents to images. */
  @JsonProperty("decoder")
  DECODER
}
