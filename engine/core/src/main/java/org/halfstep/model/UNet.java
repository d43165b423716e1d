package org.halfstep.model;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.device.Activation;
import org.halfstep.graph.Graph;
import org.halfstep.graph.GroupNorm;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers.Normed;
import org.halfstep.model.Layers.Resize;

/**
 * The ADM UNet, written in layers. Named values beside its {@link UNetPorts}: "emb", and the output
 * of every block under its checkpoint name.
 *
 * <p>The embedding projections of all residual blocks are declared as one stack and computed as one
 * matrix product.
 */
final class UNet {
  /** The embedding multiplies the guidance input by this before it takes sines. */
  private static final double GUIDANCE_SCALE = 1000;

  private final UNetConfig config;
  private final Layers layers;
  private final Graph graph;
  private final UNetLayer.Blocks blocks;
  private Map<String, Slice> projections = Map.of();
  private int dropoutLayers;

  private UNet(UNetConfig config, Layers layers) {
    this.config = config;
    this.layers = layers;
    this.graph = layers.graph();
    this.blocks = UNetLayer.Blocks.of(config);
  }

  /** Writes the network. */
  static void write(UNetConfig config, Layers layers) {
    new UNet(config, layers).describe();
  }

  /** One layer alone: "out" from the inputs "x" and, for a residual block, the embedding "emb". */
  static Graph alone(UNetConfig config, UNetLayer layer, Shape image) {
    UNet net = new UNet(config, new FusedLayers(new Graph()));
    Graph graph = net.graph;
    Value x = graph.toActivation(graph.image("x", image));
    if (layer instanceof UNetLayer.Residual residual) {
      Value emb = graph.image("emb", Shape.vector(config.embeddingChannels()));
      net.project(graph.activation("emb silu", emb, Activation.SILU), List.of(residual));
    }
    graph.name("out", graph.toFloat(net.block(List.of(layer), x)));
    return graph;
  }

  private void describe() {
    Value x =
        graph.image(
            UNetPorts.X, new Shape(config.imageSize(), config.imageSize(), config.inChannels()));
    Value emb = graph.name("emb", embedding());
    project(graph.activation("emb silu", emb, Activation.SILU), blocks.residuals());

    Deque<Value> skips = new ArrayDeque<>();
    Value h = graph.toActivation(x);
    for (int i = 0; i < blocks.input().size(); i++) {
      h = graph.name("input_blocks." + i, block(blocks.input().get(i), h));
      skips.push(h);
    }
    h = graph.name("middle_block", block(blocks.middle(), h));
    for (int i = 0; i < blocks.output().size(); i++) {
      h = block(blocks.output().get(i), graph.concatenate(h, skips.pop()));
      graph.name("output_blocks." + i, h);
    }
    graph.cut();
    Layers exact = layers.exact();
    Normed last = norm(exact, "out.2", "out.0", h, null, Activation.SILU);
    h = convolution3(exact, last, Resize.NONE, config.outChannels(), Initializer.ZERO, null);
    graph.name(UNetPorts.OUT, graph.toFloat(h));
  }

  // ---- Embeddings

  private Value embedding() {
    int base = config.modelChannels();
    int width = config.embeddingChannels();
    Value e = graph.sinusoid("time sinusoid", graph.scalar(UNetPorts.TIME), 1, base);
    if (config.isGuided()) {
      int dimension = config.guidanceEmbedDim();
      Value w =
          graph.sinusoid(
              "guidance sinusoid", graph.scalar(UNetPorts.GUIDANCE), GUIDANCE_SCALE, dimension);
      Parameter projection =
          graph.parameter("w_proj.weight", Initializer.ZERO, dimension, base, dimension);
      e = graph.add("guidance", e, graph.linear("w_proj", w, projection, null));
    }
    e = layers.linear("time_embed.0", e, width);
    e = layers.linear("time_embed.2", graph.activation("time_embed.1", e, Activation.SILU), width);
    if (config.isConditional()) {
      Parameter table =
          graph.parameter(UNetConfig.LABEL_TABLE, Initializer.NORMAL, 1, config.labelRows(), width);
      e = graph.addEmbedding("label_emb", e, table, graph.labels(UNetPorts.LABELS));
    }
    return e;
  }

  /** All blocks' projections of the embedding in one product; each block reads its slice. */
  private void project(Value emb, List<UNetLayer.Residual> residuals) {
    Map<String, Integer> outs = new LinkedHashMap<>();
    for (UNetLayer.Residual residual : residuals) {
      outs.put(projection(residual), residual.out() * (config.scaleShiftNorm() ? 2 : 1));
    }
    projections = layers.linears("emb_layers", emb, outs, true);
  }

  private static String projection(UNetLayer.Residual residual) {
    return residual.name() + ".emb_layers.1";
  }

  // ---- Layers

  private Value block(List<UNetLayer> block, Value x) {
    Value h = x;
    for (UNetLayer layer : block) {
      h =
          switch (layer) {
            case UNetLayer.Entry entry -> convolution3(entry.name(), h, entry.out(), 1);
            case UNetLayer.Residual residual -> residual(residual, h);
            case UNetLayer.Attention attention -> attention(attention, h);
            case UNetLayer.Resample resample -> resample(resample, h);
          };
    }
    return h;
  }

  private Value residual(UNetLayer.Residual layer, Value x) {
    graph.cut();
    String name = layer.name();
    Slice projection = projections.get(projection(layer));
    boolean modulates = config.scaleShiftNorm();
    Normed first =
        norm(layers, name + ".in_layers.2", name + ".in_layers.0", x, null, Activation.SILU);
    Value h =
        convolution3(layers, first, layer.resize(), layer.out(), Initializer.FAN_IN_UNIFORM, null);
    h = modulates ? h : graph.addPerChannel(name + ".emb", h, projection);
    Normed second =
        norm(
            layers,
            name + ".out_layers.3",
            name + ".out_layers.0",
            h,
            modulates ? projection : null,
            Activation.SILU);
    Value skip = skip(layer, layers.resize(name + " skip", x, layer.resize()));
    return convolution3(
        layers,
        second.dropping(config.dropout(), dropoutLayers++),
        Resize.NONE,
        layer.out(),
        Initializer.ZERO,
        skip);
  }

  private Value skip(UNetLayer.Residual layer, Value x) {
    if (layer.in() == layer.out()) {
      return graph.single(x);
    }
    String name = layer.name() + ".skip_connection";
    Value read = layers.readable(name, x);
    return layers.convolution(
        name, read, 1, Initializer.FAN_IN_UNIFORM, null, layer.out(), layer.in(), 1, 1);
  }

  /** The checkpoint's weights of the projections have the shape [out, in, 1]. */
  private Value attention(UNetLayer.Attention layer, Value x) {
    graph.cut();
    String name = layer.name();
    int channels = layer.channels();
    Normed norm = norm(layers, name + ".qkv", name + ".norm", x, null, Activation.NONE);
    Value h =
        layers.convolution(
            norm, Resize.NONE, Initializer.FAN_IN_UNIFORM, null, 3 * channels, channels, 1);
    h = graph.attention(name + ".attention", h, config.heads(channels), config.newAttentionOrder());
    String out = name + ".proj_out";
    Value read = layers.readable(out, h);
    return layers.convolution(out, read, 1, Initializer.ZERO, x, channels, channels, 1);
  }

  private Value resample(UNetLayer.Resample layer, Value x) {
    boolean up = layer.resize() == Resize.UP;
    if (!config.convResample()) {
      return layers.resize(layer.name(), x, layer.resize());
    }
    String name = layer.name() + (up ? ".conv" : ".op");
    Value h = layers.readable(name, x);
    h = up ? graph.upsample2(layer.name() + " up", h) : h;
    return convolution3(name, h, layer.channels(), up ? 1 : 2);
  }

  private static Normed norm(
      Layers layers, String reader, String name, Value x, Slice modulation, Activation activation) {
    return layers.norm(reader, name, x, UNetConfig.GROUPS, GroupNorm.EPS, modulation, activation);
  }

  private static Value convolution3(
      Layers layers,
      Normed normed,
      Resize resize,
      int out,
      Initializer initializer,
      Value residual) {
    int in = normed.norm().x().shape().channels();
    return layers.convolution(normed, resize, initializer, residual, out, in, 3, 3);
  }

  private Value convolution3(String name, Value read, int out, int stride) {
    int in = read.shape().channels();
    return layers.convolution(name, read, stride, Initializer.FAN_IN_UNIFORM, null, out, in, 3, 3);
  }
}
