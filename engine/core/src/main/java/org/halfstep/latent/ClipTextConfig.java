package org.halfstep.latent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.files.Json;
import org.halfstep.graph.AttentionMask;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Value;
import org.halfstep.model.Architecture;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Layers;
import org.halfstep.model.NetworkFormat;
import org.halfstep.model.TensorNames;

/**
 * CLIP's text encoder: embeddings of tokens and their places, layers in which each token sees
 * itself and those before it, and a final norm. What comes out is a vector for each token, which
 * conditions a UNet; or one for the text, which is compared with pictures: that of the end token,
 * projected. Padding is not masked: it is a part of the condition.
 *
 * <p>The state after layer i is named "hidden.i", the embeddings "hidden.0"; the final norm of the
 * last that is run is the output, also where layers are skipped. Source: Radford et al. 2021,
 * section 2.4; specification 4.2 and 4.3.
 *
 * @param network its numbers
 * @param skipped last layers that are not run: 0 for Stable Diffusion as it was trained; 1 gives
 *     what is called clip skip 2 elsewhere
 * @param embedding width of the projection, or 0 for the states of all tokens
 */
public record ClipTextConfig(TextDescription network, int skipped, int embedding)
    implements Architecture {
  /** Files of text encoders. */
  public static final NetworkFormat<ClipTextConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-clip-text-1",
          "text encoder",
          ClipTextConfig::fromJson,
          ComponentCard::fromJson,
          (_, _) -> {});

  private static final String PREFIX = "text_model";
  private static final String EMBEDDINGS = PREFIX + ".embeddings.";
  private static final String LAYER = PREFIX + ".encoder.layers.";
  private static final String PROJECTION = "text_projection";
  private static final int WIDEST = 1 << 14;
  private static final int TENSORS_OF_A_LAYER = 16;
  private static final int OTHER_TENSORS = 4;

  public ClipTextConfig {
    if (network == null) {
      throw new IllegalArgumentException("text encoder: network must be given");
    }
    if (skipped < 0 || skipped >= network.layers()) {
      throw new IllegalArgumentException(
          "text encoder: of "
              + network.layers()
              + " layers 0 to "
              + (network.layers() - 1)
              + " can be skipped, got "
              + skipped);
    }
    if (embedding < 0 || embedding > WIDEST) {
      throw new IllegalArgumentException(
          "text encoder: an embedding has 1 to "
              + WIDEST
              + " numbers, or 0 for none, got "
              + embedding);
    }
  }

  /** The states of all tokens after the last layer. */
  public static ClipTextConfig context(TextDescription network) {
    return new ClipTextConfig(network, 0, 0);
  }

  /** Layers that are run. */
  int run() {
    return network.layers() - skipped;
  }

  /**
   * Where a checkpoint has the parameters: under their own names. What is not run is passed over.
   */
  public TensorNames names() {
    return TensorNames.own("transformers'", this::isNotRun);
  }

  private boolean isNotRun(String tensor) {
    for (int layer = run(); layer < network.layers(); layer++) {
      if (tensor.startsWith(LAYER + layer + ".")) {
        return true;
      }
    }
    return embedding == 0 && tensor.equals(PROJECTION + ".weight");
  }

  @Override
  public NetworkFormat<ClipTextConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public long leastTensors() {
    return (long) TENSORS_OF_A_LAYER * run() + OTHER_TENSORS;
  }

  @Override
  public void write(Layers layers) {
    Graph graph = layers.graph();
    Value last = states(layers);
    if (embedding > 0) {
      Value end = graph.labels(ClipTextPorts.END);
      Value pooled = graph.name("pooled", graph.gather("pooled", last, end));
      last = layers.linearWithoutBias(PROJECTION, pooled, embedding);
    }
    graph.name(ClipTextPorts.OUT, last);
  }

  /** Writes all but the projection. What comes out are the states of all tokens, float32. */
  Value states(Layers layers) {
    Graph graph = layers.graph();
    Value ids = graph.tokens(ClipTextPorts.IDS, network.positions());
    Value rows =
        layers.embedding(
            EMBEDDINGS + "token_embedding", ids, network.vocabulary(), network.width());
    Value x = graph.toActivation(layers.positions(EMBEDDINGS + "position_embedding", rows));
    ClipTransformer transformer =
        new ClipTransformer(
            PREFIX,
            run(),
            network.inner(),
            network.heads(),
            ClipTransformer.activation(network.isQuick()),
            AttentionMask.CAUSAL);
    return graph.toFloat(
        layers.layerNorm(
            PREFIX + ".final_layer_norm", transformer.write(layers, x), ClipTransformer.EPS));
  }

  @Override
  public ClipTextPorts ports(Graph graph) {
    return ClipTextPorts.of(this, graph);
  }

  @Override
  public String toJson() {
    return Json.text(new Numbers(network.toJson(), skipped, embedding));
  }

  /** What a file says, the network as its config.json would. */
  private record Numbers(ObjectNode network, int skipped, int embedding) {}

  /**
   * @throws IllegalArgumentException in one line
   */
  public static ClipTextConfig fromJson(String json) {
    Numbers said = Json.parse(Numbers.class, "text encoder", json);
    if (said.network == null) {
      throw new IllegalArgumentException("text encoder: network is missing");
    }
    return new ClipTextConfig(TextDescription.fromJson(said.network), said.skipped, said.embedding);
  }
}
