package org.halfstep.latent;

import java.util.Map;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;
import org.halfstep.model.Architecture;
import org.halfstep.model.Layers;
import org.halfstep.model.NetworkFormat;
import org.halfstep.model.Ports;
import org.halfstep.model.UNetBlocks;

/** Single blocks of a latent UNet as graphs, for checks: "out" from "x" and "context". */
public final class LatentBlocks {
  private LatentBlocks() {}

  /** A transformer; all parameters' names start with {@link UNetBlocks#NAME}. */
  public static Graph transformer(
      Shape image, Shape tokens, int heads, int groups, boolean linear) {
    SpatialTransformer transformer = new SpatialTransformer(UNetBlocks.NAME, heads, groups, linear);
    return new Alone(transformer, image, tokens).graph();
  }

  /** A transformer as a network of its own. */
  private record Alone(SpatialTransformer transformer, Shape image, Shape tokens)
      implements Architecture {
    @Override
    public void write(Layers layers) {
      Graph graph = layers.graph();
      Value x = graph.toActivation(graph.image("x", image));
      Value context = graph.condition(graph.image("context", tokens));
      CrossAttention attention =
          new CrossAttention(layers, context, Map.of(transformer.block(), image.channels()));
      graph.name("out", graph.toFloat(transformer.write(layers, x, attention)));
    }

    @Override
    public NetworkFormat<?, ?> format() {
      throw new UnsupportedOperationException("a block has no files");
    }

    @Override
    public Ports ports(Graph graph) {
      throw new UnsupportedOperationException("the values are found by their names");
    }

    @Override
    public String toJson() {
      throw new UnsupportedOperationException("a block has no files");
    }
  }
}
