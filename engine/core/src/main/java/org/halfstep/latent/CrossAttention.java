package org.halfstep.latent;

import java.util.LinkedHashMap;
import java.util.Map;
import org.halfstep.graph.AttentionMask;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;

/**
 * The attention of all transformers of a network to one context. Their keys and values depend on
 * the context alone and are one product, in the condition phase of a plan.
 *
 * <p>With a context of one token softmax is 1 whatever queries and keys are: what attention adds is
 * {@code to_out(to_v(context))} at every pixel. Norm, queries and keys are then parameters that
 * nothing reads. Source: specification 2.3.
 */
final class CrossAttention {
  private static final String ATTENTION = ".attn2";

  private final Layers layers;
  private final Value context;
  private final Map<String, Slice> products;

  /**
   * Declares keys and values.
   *
   * @param context tokens, float32
   * @param widths channels of each transformer block, by its name
   */
  CrossAttention(Layers layers, Value context, Map<String, Integer> widths) {
    this.layers = layers;
    Map<String, Integer> outs = new LinkedHashMap<>();
    widths.forEach(
        (block, width) -> {
          outs.put(keys(block), width);
          outs.put(values(block), width);
        });
    if (context.shape().pixels() == 1) {
      this.context = context;
      this.products = Map.of();
      layers.declareLinears(outs, context.shape().channels());
    } else {
      this.context = layers.graph().toActivation(context);
      this.products = layers.linears("keys and values", this.context, outs, false);
    }
  }

  private static String keys(String block) {
    return block + ATTENTION + ".to_k";
  }

  private static String values(String block) {
    return block + ATTENTION + ".to_v";
  }

  /**
   * Writes {@code x + attention(norm(x), context)}.
   *
   * @param block name of the transformer block
   */
  Value write(String block, Value x, int heads) {
    return products.isEmpty() ? ofOneToken(block, x) : ofTokens(block, x, heads);
  }

  private Value ofTokens(String block, Value x, int heads) {
    int width = x.shape().channels();
    String queries = block + ATTENTION + ".to_q";
    String out = block + ATTENTION + ".to_out.0";
    Value h = layers.layerNorm(block + ".norm2", x, SpatialTransformer.LAYER_NORM_EPS);
    Value q =
        layers.convolution(
            queries, layers.readable(queries, h), Form.linear().withoutBias(), width, width);
    h =
        layers
            .graph()
            .attention(
                block + ATTENTION,
                new Slice(q, 0, width),
                products.get(keys(block)),
                products.get(values(block)),
                heads,
                AttentionMask.NONE);
    return layers.convolution(out, layers.readable(out, h), Form.linear().plus(x), width, width);
  }

  private Value ofOneToken(String block, Value x) {
    Graph graph = layers.graph();
    int width = x.shape().channels();
    graph.parameter(block + ".norm2.weight", Initializer.ONE, width, width);
    graph.parameter(block + ".norm2.bias", Initializer.ZERO, width, width);
    String queries = block + ATTENTION + ".to_q.weight";
    graph.parameter(queries, Initializer.FAN_IN_UNIFORM, width, width, width);
    Parameter weight = graph.parameters().get(values(block) + ".weight");
    Value v = graph.linear(values(block), context, weight, null);
    Value y = layers.linear(block + ATTENTION + ".to_out.0", v, width);
    return graph.addPerChannel(block + ATTENTION, x, new Slice(y, 0, width));
  }
}
