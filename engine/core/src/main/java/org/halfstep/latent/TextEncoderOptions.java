package org.halfstep.latent;

import org.halfstep.device.DataType;
import org.halfstep.model.Network;

/**
 * How a text encoder is run.
 *
 * @param skipped last layers that are not run; 0 is how Stable Diffusion was trained
 * @param precision of activations
 * @param memory bytes that packed weights may take, or {@link Network#DEFAULT_MEMORY}
 */
public record TextEncoderOptions(int skipped, DataType precision, long memory) {
  /** All layers, float32, and memory as it comes. */
  public static TextEncoderOptions standard() {
    return new TextEncoderOptions(0, DataType.F32, Network.DEFAULT_MEMORY);
  }

  public TextEncoderOptions withSkipped(int layers) {
    return new TextEncoderOptions(layers, precision, memory);
  }

  public TextEncoderOptions withPrecision(DataType type) {
    return new TextEncoderOptions(skipped, type, memory);
  }

  public TextEncoderOptions withMemory(long bytes) {
    return new TextEncoderOptions(skipped, precision, bytes);
  }
}
