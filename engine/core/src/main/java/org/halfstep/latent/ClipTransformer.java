package org.halfstep.latent;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.device.Activation;
import org.halfstep.graph.AttentionMask;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;

/**
 * The layers that CLIP's two encoders consist of: {@code x += attention(norm(x))}, {@code x +=
 * fc2(f(fc1(norm(x))))}. Source: Radford et al. 2021; the names are transformers'.
 *
 * @param prefix before ".encoder.layers"
 * @param layers how many
 * @param inner width between fc1 and fc2
 * @param heads of attention
 * @param activation f
 * @param mask which tokens see each other
 */
record ClipTransformer(
    String prefix, int layers, int inner, int heads, Activation activation, AttentionMask mask) {
  /** Of every norm. */
  static final float EPS = 1e-5f;

  private static final List<String> PRODUCTS = List.of(".q_proj", ".k_proj", ".v_proj");

  /** OpenAI's networks have the quick GELU, OpenCLIP's the exact one. */
  static Activation activation(boolean isQuick) {
    return isQuick ? Activation.QUICK_GELU : Activation.GELU;
  }

  /** The name that the state after this many layers has in a graph. */
  static String hidden(int layers) {
    return "hidden." + layers;
  }

  /** The state after the last layer; it and those before it have the names {@link #hidden}. */
  Value write(Layers vocabulary, Value x) {
    Graph graph = vocabulary.graph();
    Value h = graph.name(hidden(0), x);
    for (int i = 0; i < layers; i++) {
      h = graph.name(hidden(i + 1), layer(vocabulary, prefix + ".encoder.layers." + i, h));
    }
    return h;
  }

  private Value layer(Layers vocabulary, String name, Value x) {
    int width = x.shape().channels();
    String attention = name + ".self_attn";
    Map<String, Integer> widths = new LinkedHashMap<>();
    PRODUCTS.forEach(product -> widths.put(attention + product, width));
    Value normed = vocabulary.layerNorm(name + ".layer_norm1", x, EPS);
    Value read = vocabulary.readable(attention + PRODUCTS.getFirst(), normed);
    List<Slice> parts =
        List.copyOf(vocabulary.linears(attention + ".qkv", read, widths, true).values());
    Value seen =
        vocabulary
            .graph()
            .attention(attention, parts.get(0), parts.get(1), parts.get(2), heads, mask);
    String last = attention + ".out_proj";
    Form added = Form.linear().plus(x);
    Value h = vocabulary.convolution(last, vocabulary.readable(last, seen), added, width, width);
    return vocabulary.feedForward(
        name + ".mlp.fc1",
        name + ".mlp.fc2",
        vocabulary.layerNorm(name + ".layer_norm2", h, EPS),
        inner,
        activation,
        h);
  }
}
