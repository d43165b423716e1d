package org.halfstep.latent;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.DiffusionPorts;

/**
 * The inputs and the output of a latent UNet with its text encoder.
 *
 * @param x noised latents, float32, {@code height x width x inChannels}
 * @param time one float per sample, the step index from 0 to 999
 * @param ids one int per position of the text, entries of the vocabulary
 * @param guidance one float per sample, w = g - 1; null for a network without that input
 * @param out float32, {@code height x width x outChannels}
 */
public record TextUNetPorts(Value x, Value time, Value ids, Value guidance, Value out)
    implements DiffusionPorts {
  static TextUNetPorts of(TextUNetConfig config, Graph graph) {
    return new TextUNetPorts(
        graph.named(LatentUNetPorts.X),
        graph.named(LatentUNetPorts.TIME),
        graph.named(ClipTextPorts.IDS),
        config.unet().isGuided() ? graph.named(LatentUNetPorts.GUIDANCE) : null,
        graph.named(LatentUNetPorts.OUT));
  }
}
