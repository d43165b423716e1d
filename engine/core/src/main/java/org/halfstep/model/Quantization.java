package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * How the scales of an int8 network were found, as its file says it.
 *
 * @param scheme the one there is: {@value #INT8}
 * @param data name of the images that its activations were measured on
 * @param images number of images
 * @param evaluations rows (image, time, guidance strength) measured
 * @param seed of the noise and of the guidance strengths
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Quantization(String scheme, String data, int images, int evaluations, long seed) {
  /**
   * Weights: signed bytes, symmetric, one scale per output channel. Activations: unsigned bytes,
   * one scale and zero point per layer.
   */
  public static final String INT8 = "int8";

  private static final ObjectMapper JSON = new ObjectMapper();

  public Quantization {
    if (!INT8.equals(scheme)) {
      throw new IllegalArgumentException(
          "quantization: scheme " + scheme + " is unknown, expected " + INT8);
    }
  }

  public String toJson() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * @throws IllegalArgumentException in one line
   */
  public static Quantization fromJson(String json) {
    try {
      return JSON.readValue(json, Quantization.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("quantization: " + e.getOriginalMessage(), e);
    }
  }
}
