package org.halfstep.latent;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.Ports;

/**
 * The inputs and the output of CLIP's image encoder.
 *
 * @param x images as {@link ClipPixels} makes them, float32, {@code side x side x 3}
 * @param token one int per image: 0, the place of the token that stands for the whole
 * @param out a vector per image, float32
 */
public record ClipImagePorts(Value x, Value token, Value out) implements Ports {
  static final String X = "x";
  static final String TOKEN = "token";
  static final String OUT = "out";

  static ClipImagePorts of(Graph graph) {
    return new ClipImagePorts(graph.named(X), graph.named(TOKEN), graph.named(OUT));
  }
}
