package org.halfstep.latent;

import java.util.LinkedHashMap;
import java.util.Map;
import org.halfstep.device.Activation;
import org.halfstep.graph.AttentionMask;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;
import org.halfstep.model.Layers.Normed;
import org.halfstep.model.Layers.Resize;

/**
 * Pixels as tokens of a transformer of one block: norm, projection, attention of the pixels to each
 * other, attention to a context, gated feed-forward layer, projection; what it reads is added.
 * Source: specification 2.2.
 *
 * @param name with ".norm", ".proj_in", ".transformer_blocks.0" and ".proj_out" behind it
 * @param heads of both attentions
 * @param groups of the norm at its entrance
 * @param linear whether the projections' weights are matrices in place of 1x1 kernels
 */
record SpatialTransformer(String name, int heads, int groups, boolean linear) {
  static final float GROUP_NORM_EPS = 1e-6f;
  static final float LAYER_NORM_EPS = 1e-5f;

  private static final int FEED_FORWARD_MULTIPLE = 4;

  /** Name of its block, by which {@link CrossAttention} knows it. */
  String block() {
    return block(name);
  }

  /** Name of a transformer's block. */
  static String block(String transformer) {
    return transformer + ".transformer_blocks.0";
  }

  /** Writes it. */
  Value write(Layers layers, Value x, CrossAttention context) {
    int width = x.shape().channels();
    Normed normed =
        layers.norm(
            name + ".proj_in", name + ".norm", x, groups, GROUP_NORM_EPS, null, Activation.NONE);
    Integer[] projection =
        linear ? new Integer[] {width, width} : new Integer[] {width, width, 1, 1};
    Value h = layers.convolution(normed, Resize.NONE, Initializer.FAN_IN_UNIFORM, null, projection);
    h = selfAttention(layers, h);
    h = context.write(block(), h, heads);
    Value read = layers.layerNorm(block() + ".norm3", h, LAYER_NORM_EPS);
    h =
        layers.gatedFeedForward(
            block() + ".ff", read, FEED_FORWARD_MULTIPLE * width, Activation.GELU, h);
    String out = name + ".proj_out";
    return layers.convolution(out, layers.readable(out, h), Form.linear().plus(x), projection);
  }

  /** Queries, keys and values are one product. */
  private Value selfAttention(Layers layers, Value x) {
    int width = x.shape().channels();
    String attention = block() + ".attn1";
    Map<String, Integer> outs = new LinkedHashMap<>();
    String[] parts = {attention + ".to_q", attention + ".to_k", attention + ".to_v"};
    for (String part : parts) {
      outs.put(part, width);
    }
    Value h = layers.layerNorm(block() + ".norm1", x, LAYER_NORM_EPS);
    Map<String, Slice> made =
        layers.linears(attention + ".to_qkv", layers.readable(parts[0], h), outs, false);
    h =
        layers
            .graph()
            .attention(
                attention,
                made.get(parts[0]),
                made.get(parts[1]),
                made.get(parts[2]),
                heads,
                AttentionMask.NONE);
    String out = attention + ".to_out.0";
    return layers.convolution(out, layers.readable(out, h), Form.linear().plus(x), width, width);
  }
}
