package org.halfstep.latent;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.DiffusionPorts;

/**
 * The inputs and the output of a latent UNet. Context and labels are condition inputs: {@link
 * org.halfstep.graph.Plan#condition} follows every change of them.
 *
 * @param x noised latents, float32, {@code height x width x inChannels}; of an inpainting network
 *     latent (4), mask (1, 1 = to be painted) and latent of the masked image (4), in this order
 * @param time one float per sample, the step index from 0 to 999; fractions are allowed
 * @param context float32, {@code tokens x 1 x context width}; null for a network with a table of
 *     classes
 * @param labels one int per sample, a row of the table of classes; null for a network without
 * @param guidance one float per sample, w = g - 1; null for a network without that input
 * @param out float32, {@code height x width x outChannels}
 */
public record LatentUNetPorts(
    Value x, Value time, Value context, Value labels, Value guidance, Value out)
    implements DiffusionPorts {
  static final String X = "x";
  static final String TIME = "t";
  static final String CONTEXT = "context";
  static final String LABELS = "y";
  static final String GUIDANCE = "w";
  static final String OUT = "out";

  static LatentUNetPorts of(LatentUNetConfig config, Graph graph) {
    return new LatentUNetPorts(
        graph.named(X),
        graph.named(TIME),
        config.hasClasses() ? null : graph.named(CONTEXT),
        config.hasClasses() ? graph.named(LABELS) : null,
        config.isGuided() ? graph.named(GUIDANCE) : null,
        graph.named(OUT));
  }
}
