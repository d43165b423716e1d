package org.halfstep.model;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;

/**
 * The inputs and the outputs of a caption scorer.
 *
 * @param x images in [-1, 1], float32, height x width x channels
 * @param text a vector per text, float32
 * @param one the number 1 for each sample: what the learned scale is read by
 * @param features a vector per image, float32: what image metrics compare
 * @param out float32: the image's embedding, the text's, the learned scale
 */
public record CaptionScorerPorts(Value x, Value text, Value one, Value features, Value out)
    implements Ports {
  static final String TEXT = "text";
  static final String ONE = "one";

  static CaptionScorerPorts of(Graph graph) {
    return new CaptionScorerPorts(
        graph.named(ExtractorPorts.X),
        graph.named(TEXT),
        graph.named(ONE),
        graph.named(ExtractorPorts.FEATURES),
        graph.named(ExtractorPorts.OUT));
  }

  /** Those of images alone. */
  public ExtractorPorts images() {
    return new ExtractorPorts(x, features, out);
  }
}
