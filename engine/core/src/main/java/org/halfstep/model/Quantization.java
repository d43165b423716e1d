package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.halfstep.files.Json;

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

  public Quantization {
    if (!INT8.equals(scheme)) {
      throw new IllegalArgumentException(
          "quantization: scheme "
              + CardText.line("scheme", scheme)
              + " is unknown, expected "
              + INT8);
    }
    data = CardText.line("quantization: data", data);
    if (images < 0 || evaluations < 0) {
      throw new IllegalArgumentException(
          "quantization: images and evaluations must be at least 0, got "
              + images
              + " and "
              + evaluations);
    }
  }

  public String toJson() {
    return Json.text(this);
  }

  /**
   * @throws IllegalArgumentException in one line
   */
  public static Quantization fromJson(String json) {
    return Json.parse(Quantization.class, "quantization", json);
  }
}
