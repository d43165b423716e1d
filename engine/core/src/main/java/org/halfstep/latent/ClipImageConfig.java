package org.halfstep.latent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.halfstep.checkpoint.ClipImageDescription;
import org.halfstep.device.Window;
import org.halfstep.files.Json;
import org.halfstep.graph.AttentionMask;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;
import org.halfstep.model.Architecture;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;
import org.halfstep.model.NetworkFormat;

/**
 * CLIP's image encoder: an image cut into patches, a token for each and one before them that stands
 * for the whole, layers in which all of them see each other, and that one token's state, normed and
 * projected, to be compared with the embedding of a text.
 *
 * <p>Source: Dosovitskiy et al. 2020; Radford et al. 2021; specification 4.4.
 *
 * @param network its numbers
 * @param embedding width of the projection
 */
public record ClipImageConfig(ClipImageDescription network, int embedding) implements Architecture {
  /** Files of image encoders. */
  public static final NetworkFormat<ClipImageConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-clip-image-1",
          "image encoder",
          ClipImageConfig::fromJson,
          ComponentCard::fromJson,
          (_, _) -> {});

  private static final int COLOURS = 3;
  private static final int WIDEST = 1 << 14;
  private static final String PREFIX = "vision_model";
  private static final String EMBEDDINGS = PREFIX + ".embeddings.";

  public ClipImageConfig {
    if (network == null) {
      throw new IllegalArgumentException("image encoder: network must be given");
    }
    if (embedding < 1 || embedding > WIDEST) {
      throw new IllegalArgumentException(
          "image encoder: an embedding has 1 to " + WIDEST + " numbers, got " + embedding);
    }
  }

  @Override
  public NetworkFormat<ClipImageConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public long leastTensors() {
    return network.shapes().size() + 1L;
  }

  @Override
  public void write(Layers layers) {
    Graph graph = layers.graph();
    int width = network.width();
    int patch = network.patch();
    Value x = graph.image(ClipImagePorts.X, new Shape(network.side(), network.side(), COLOURS));
    Value token = graph.labels(ClipImagePorts.TOKEN);
    Form whole = new Form(Window.square(patch, patch, 0), Initializer.FAN_IN_UNIFORM).withoutBias();
    Value patches =
        layers.convolution(
            EMBEDDINGS + "patch_embedding",
            graph.toActivation(x),
            whole,
            width,
            COLOURS,
            patch,
            patch);
    // A table of one row, of which every image has the row 0.
    Parameter first = graph.parameter(EMBEDDINGS + "class_embedding", Initializer.NORMAL, 1, width);
    Value tokens =
        graph.join("tokens", graph.embedding("class token", first, token), graph.toFloat(patches));
    tokens = graph.toActivation(layers.positions(EMBEDDINGS + "position_embedding", tokens));
    // The spelling of all published files.
    Value normed = layers.layerNorm(PREFIX + ".pre_layrnorm", tokens, ClipTransformer.EPS);
    ClipTransformer transformer =
        new ClipTransformer(
            PREFIX,
            network.layers(),
            network.inner(),
            network.heads(),
            ClipTransformer.activation(network.isQuick()),
            AttentionMask.NONE);
    Value states = graph.toFloat(transformer.write(layers, normed));
    Value state = graph.gather("class state", states, token);
    Value pooled = layers.layerNorm(PREFIX + ".post_layernorm", state, ClipTransformer.EPS);
    graph.name(
        ClipImagePorts.OUT, layers.linearWithoutBias("visual_projection", pooled, embedding));
  }

  @Override
  public ClipImagePorts ports(Graph graph) {
    return ClipImagePorts.of(graph);
  }

  @Override
  public String toJson() {
    return Json.text(new Numbers(network.toJson(), embedding));
  }

  /** What a file says, the network as its configuration would. */
  private record Numbers(ObjectNode network, int embedding) {}

  /**
   * @throws IllegalArgumentException in one line
   */
  public static ClipImageConfig fromJson(String json) {
    Numbers said = Json.parse(Numbers.class, "image encoder", json);
    if (said.network == null) {
      throw new IllegalArgumentException("image encoder: network is missing");
    }
    return new ClipImageConfig(ClipImageDescription.fromJson(said.network), said.embedding);
  }
}
