package org.halfstep.latent;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.Ports;

/**
 * The inputs and the output of a text encoder of BERT's kind.
 *
 * @param ids one int per token, word pieces
 * @param places one int per token: 0, 1, 2 and on
 * @param types one int per token: 0 for the tokens of a first sentence
 * @param lengths one int per text: how many tokens come before the padding, at least 1
 * @param out float32: {@code tokens x 1 x width}, or the mean of the tokens before the padding
 */
public record BertPorts(Value ids, Value places, Value types, Value lengths, Value out)
    implements Ports {
  static final String IDS = "ids";
  static final String PLACES = "places";
  static final String TYPES = "types";
  static final String LENGTHS = "lengths";
  static final String OUT = "out";

  static BertPorts of(Graph graph) {
    return new BertPorts(
        graph.named(IDS),
        graph.named(PLACES),
        graph.named(TYPES),
        graph.named(LENGTHS),
        graph.named(OUT));
  }
}
