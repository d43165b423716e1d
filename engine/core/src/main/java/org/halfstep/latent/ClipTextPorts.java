package org.halfstep.latent;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.Ports;

/**
 * The inputs and the output of a text encoder.
 *
 * @param ids one int per position, entries of the vocabulary
 * @param end one int per text, the position of its first end token; null where there is an output
 *     for every token
 * @param out float32: {@code positions x 1 x width}, or a vector per text
 */
public record ClipTextPorts(Value ids, Value end, Value out) implements Ports {
  static final String IDS = "ids";
  static final String END = "end";
  static final String OUT = "out";

  static ClipTextPorts of(ClipTextConfig config, Graph graph) {
    return new ClipTextPorts(
        graph.named(IDS), config.embedding() > 0 ? graph.named(END) : null, graph.named(OUT));
  }
}
