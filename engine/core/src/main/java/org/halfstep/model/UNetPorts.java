package org.halfstep.model;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;

/**
 * The inputs and the output of a UNet.
 *
 * @param x noised images, float32, {@code imageSize x imageSize x inChannels}
 * @param time one float per sample, t in 0..1000
 * @param labels one int per sample, a class or the null label; null for an unconditional network
 * @param guidance one float per sample, the guidance strength over the largest one; null for a
 *     network that does not take it
 * @param out float32, {@code imageSize x imageSize x outChannels}
 */
public record UNetPorts(Value x, Value time, Value labels, Value guidance, Value out)
    implements DiffusionPorts {
  static final String X = "x";
  static final String TIME = "t";
  static final String LABELS = "y";
  static final String GUIDANCE = "w";
  static final String OUT = "out";

  static UNetPorts of(UNetConfig config, Graph graph) {
    return new UNetPorts(
        graph.named(X),
        graph.named(TIME),
        config.isConditional() ? graph.named(LABELS) : null,
        config.isGuided() ? graph.named(GUIDANCE) : null,
        graph.named(OUT));
  }
}
