package org.halfstep.latent;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.Ports;

/**
 * The inputs and outputs of a whole autoencoder in training, all float32.
 *
 * @param image in [-1, 1], height x width x channels
 * @param noise standard normal, of a latent's shape
 * @param divergence of each image's Gaussian from the standard normal distribution; there where a
 *     plan keeps it
 * @param out the images that the decoder makes of the latents drawn
 */
public record VariationalAutoencoderPorts(Value image, Value noise, Value divergence, Value out)
    implements Ports {
  static final String NOISE = "noise";
  static final String DIVERGENCE = "divergence";

  static VariationalAutoencoderPorts of(Graph graph) {
    return new VariationalAutoencoderPorts(
        graph.named(AutoencoderPorts.IMAGE),
        graph.named(NOISE),
        graph.named(DIVERGENCE),
        graph.named(AutoencoderPorts.OUT));
  }
}
