package org.halfstep.latent;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.Ports;

/**
 * The input and the output of one half of a first stage.
 *
 * @param in images or latents, float32, height x width x channels
 * @param out latents, or the moments of a Gaussian over them; or images; float32
 */
public record AutoencoderPorts(Value in, Value out) implements Ports {
  static final String IMAGE = "image";
  static final String LATENT = "z";
  static final String OUT = "out";

  static AutoencoderPorts of(Graph graph) {
    return new AutoencoderPorts(graph.inputs().getFirst(), graph.named(OUT));
  }
}
