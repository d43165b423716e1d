package org.halfstep.model;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;

/**
 * The input and the outputs of a network that says something about images.
 *
 * @param x images in [-1, 1], float32, height x width x channels
 * @param features a vector per image, float32: what image metrics compare
 * @param out a logit per class, float32
 */
public record ExtractorPorts(Value x, Value features, Value out) implements Ports {
  static final String X = "x";
  static final String FEATURES = "features";
  static final String OUT = "out";

  static ExtractorPorts of(Graph graph) {
    return new ExtractorPorts(graph.named(X), graph.named(FEATURES), graph.named(OUT));
  }
}
