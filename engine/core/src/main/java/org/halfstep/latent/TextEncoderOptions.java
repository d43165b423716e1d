package org.halfstep.latent;

import org.halfstep.device.DataType;
import org.halfstep.graph.WeightUse;

/**
 * How a text encoder is run.
 *
 * @param skipped last layers that are not run; 0 is how Stable Diffusion was trained
 * @param precision of activations
 * @param use what packed weights may take, and how many prompts are encoded
 */
public record TextEncoderOptions(int skipped, DataType precision, WeightUse use) {
  /** All layers, float32, and memory as it comes. */
  public static TextEncoderOptions standard() {
    return new TextEncoderOptions(0, DataType.F32, WeightUse.standard());
  }

  public TextEncoderOptions withSkipped(int layers) {
    return new TextEncoderOptions(layers, precision, use);
  }

  public TextEncoderOptions withPrecision(DataType type) {
    return new TextEncoderOptions(skipped, type, use);
  }

  public TextEncoderOptions withUse(WeightUse other) {
    return new TextEncoderOptions(skipped, precision, other);
  }
}
