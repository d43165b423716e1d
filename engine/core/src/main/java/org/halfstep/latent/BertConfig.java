package org.halfstep.latent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.BertDescription;
import org.halfstep.device.Activation;
import org.halfstep.files.Json;
import org.halfstep.graph.AttentionMask;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Architecture;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;
import org.halfstep.model.NetworkFormat;
import org.halfstep.model.TensorNames;

/**
 * BERT's text encoder: embeddings of word pieces, their places and their sentences, and layers
 * whose norms stand behind the sums: {@code x = norm(x + attention(x))}, {@code x = norm(x + W2
 * gelu(W1 x))}. Padding is not seen. What comes out is a vector for each token, or the mean of
 * those before the padding, which is what encoders of sentences compare.
 *
 * <p>The state after layer i is named "hidden.i", what the first one reads "hidden.0". Source:
 * Devlin et al. 2018; Reimers and Gurevych 2019 for the mean.
 *
 * @param network its numbers
 * @param tokens of a sequence, padding included; as many as the network has positions at most
 * @param isPooled whether the mean comes out
 */
public record BertConfig(BertDescription network, int tokens, boolean isPooled)
    implements Architecture {
  /** Files of these encoders. */
  public static final NetworkFormat<BertConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-bert-1",
          "text encoder",
          BertConfig::fromJson,
          ComponentCard::fromJson,
          (_, _) -> {});

  /**
   * Where transformers' files have the parameters, and models exported to ONNX, whose matrices are
   * transposed and named by the products that read them.
   */
  public static final TensorNames NAMES = BertDescription.MINI_LM.diffusers();

  private static final String EMBEDDINGS = "embeddings.";
  private static final String NORM = "LayerNorm";
  private static final List<String> PRODUCTS = List.of(".query", ".key", ".value");
  private static final float EPS = 1e-12f;

  public BertConfig {
    if (network == null) {
      throw new IllegalArgumentException("text encoder: network must be given");
    }
    if (tokens < 1 || tokens > network.positions()) {
      throw new IllegalArgumentException(
          "text encoder: sequences have 1 to " + network.positions() + " tokens, got " + tokens);
    }
  }

  @Override
  public NetworkFormat<BertConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public long leastTensors() {
    return network.shapes().size();
  }

  @Override
  public void write(Layers layers) {
    Graph graph = layers.graph();
    Value ids = graph.tokens(BertPorts.IDS, tokens);
    Value places = graph.tokens(BertPorts.PLACES, tokens);
    Value types = graph.tokens(BertPorts.TYPES, tokens);
    Value lengths = graph.labels(BertPorts.LENGTHS);
    Value x = table(layers, "word_embeddings", ids, network.vocabulary());
    Value place = table(layers, "position_embeddings", places, network.positions());
    x = graph.add("places added", x, place);
    x = graph.add("types added", x, table(layers, "token_type_embeddings", types, network.types()));
    x = graph.toActivation(layers.layerNorm(EMBEDDINGS + NORM, x, EPS));
    graph.name(ClipTransformer.hidden(0), x);
    AttentionMask mask = AttentionMask.lengths(lengths);
    for (int i = 0; i < network.layers(); i++) {
      x = layer(layers, "encoder.layer." + i, x, mask);
      graph.name(ClipTransformer.hidden(i + 1), x);
    }
    graph.name(BertPorts.OUT, graph.toFloat(isPooled ? mean(graph, x, mask) : x));
  }

  private Value table(Layers layers, String name, Value ids, int rows) {
    return layers.embedding(EMBEDDINGS + name, ids, rows, network.width());
  }

  private Value layer(Layers layers, String name, Value x, AttentionMask mask) {
    int width = network.width();
    String attention = name + ".attention";
    Map<String, Integer> widths = new LinkedHashMap<>();
    PRODUCTS.forEach(product -> widths.put(attention + ".self" + product, width));
    Value read = layers.readable(attention + ".self" + PRODUCTS.getFirst(), x);
    List<Slice> parts =
        List.copyOf(layers.linears(attention + ".self", read, widths, true).values());
    Value seen =
        layers
            .graph()
            .attention(attention, parts.get(0), parts.get(1), parts.get(2), network.heads(), mask);
    String last = attention + ".output.dense";
    Form added = Form.linear().plus(x);
    Value h = layers.convolution(last, layers.readable(last, seen), added, width, width);
    h = layers.layerNorm(attention + ".output." + NORM, h, EPS);
    h =
        layers.feedForward(
            name + ".intermediate.dense",
            name + ".output.dense",
            h,
            network.inner(),
            Activation.GELU,
            h);
    return layers.layerNorm(name + ".output." + NORM, h, EPS);
  }

  /**
   * The mean of the tokens that are not padding: the attention of a query of zeros, which finds all
   * of them equal. Its two inputs stay zero, as memory starts: nothing writes to them.
   */
  private Value mean(Graph graph, Value x, AttentionMask mask) {
    int width = network.width();
    Value query = graph.toActivation(graph.image("zero query", Shape.vector(width)));
    Value keys = graph.toActivation(graph.image("zero keys", x.shape()));
    return graph.attention(
        "mean",
        new Slice(query, 0, width),
        new Slice(keys, 0, width),
        new Slice(x, 0, width),
        1,
        mask);
  }

  @Override
  public BertPorts ports(Graph graph) {
    return BertPorts.of(graph);
  }

  @Override
  public String toJson() {
    return Json.text(new Numbers(network.toJson(), tokens, isPooled));
  }

  /** What a file says, the network as its config.json would. */
  private record Numbers(ObjectNode network, int tokens, boolean pooled) {}

  /**
   * @throws IllegalArgumentException in one line
   */
  public static BertConfig fromJson(String json) {
    Numbers said = Json.parse(Numbers.class, "text encoder", json);
    if (said.network == null) {
      throw new IllegalArgumentException("text encoder: network is missing");
    }
    return new BertConfig(BertDescription.fromJson(said.network), said.tokens, said.pooled);
  }
}
