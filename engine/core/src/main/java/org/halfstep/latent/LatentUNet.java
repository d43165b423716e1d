package org.halfstep.latent;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.checkpoint.UNetStage;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;
import org.halfstep.model.Layers.Normed;
import org.halfstep.model.Layers.Resize;

/**
 * The UNet of latent diffusion (Rombach et al. 2022, arXiv:2112.10752) as diffusers names it,
 * written in layers. Named values beside its {@link LatentUNetPorts}: "emb", "w_embedding", and the
 * output of every residual block, transformer and change of size under its checkpoint name.
 *
 * <p>Products of one vector, or of the context, are one product over all blocks: the projections of
 * the time, and keys and values.
 */
final class LatentUNet {
  private static final float EPS = 1e-5f;

  /** The embedding multiplies guidance strengths by this before it takes sines. */
  private static final double GUIDANCE_SCALE = 1000;

  private static final int EMBEDDING_MULTIPLE = 4;

  private final LatentUNetConfig config;
  private final UNetDescription network;
  private final Layers layers;
  private final Graph graph;

  /** What each residual block adds, by its name. */
  private final Map<String, Slice> times;

  private final CrossAttention context;

  private LatentUNet(LatentUNetConfig config, Layers layers, Value context) {
    this.config = config;
    this.network = config.network();
    this.layers = layers;
    this.graph = layers.graph();
    this.times = times(graph.name("emb", embedding()));
    this.context = new CrossAttention(layers, context, transformers());
  }

  /** Writes the network with its context as an input. */
  static void write(LatentUNetConfig config, Layers layers) {
    write(config, layers, context(config, layers));
  }

  /**
   * Writes the network behind what makes its context.
   *
   * @param context float32, {@code tokens x 1 x context width}
   */
  static void write(LatentUNetConfig config, Layers layers, Value context) {
    new LatentUNet(config, layers, context).describe();
  }

  private void describe() {
    Shape latent = new Shape(config.height(), config.width(), network.inChannels());
    Value x = graph.toActivation(graph.image(LatentUNetPorts.X, latent));
    Value h = convolution3(layers.exact(), "conv_in", x, network.channels().getFirst(), 1);
    Deque<Value> skips = new ArrayDeque<>();
    skips.push(graph.name("conv_in", h));
    for (UNetStage stage : network.down()) {
      for (UNetStage.Block block : stage.blocks()) {
        h = block(stage, block, h);
        skips.push(h);
      }
      if (stage.resampler() != null) {
        h = down(stage.resampler(), h);
        skips.push(h);
      }
    }
    for (UNetStage.Block block : network.middle().blocks()) {
      h = block(network.middle(), block, h);
    }
    graph.name("mid_block", h);
    for (UNetStage stage : network.up()) {
      for (UNetStage.Block block : stage.blocks()) {
        h = block(stage, block, graph.concatenate(h, skips.pop()));
      }
      if (stage.resampler() != null) {
        h = up(stage.resampler(), h, skips.peek().shape());
      }
    }
    graph.cut();
    Layers exact = layers.exact();
    Normed last =
        exact.norm("conv_out", "conv_norm_out", h, network.groups(), EPS, null, Activation.SILU);
    h =
        exact.convolution(
            last,
            Resize.NONE,
            Initializer.FAN_IN_UNIFORM,
            null,
            network.outChannels(),
            h.shape().channels(),
            3,
            3);
    graph.name(LatentUNetPorts.OUT, graph.toFloat(h));
  }

  // ---- Time, guidance and context

  private Value embedding() {
    int base = network.channels().getFirst();
    Value e = graph.sinusoid("time sinusoid", graph.scalar(LatentUNetPorts.TIME), 1, base);
    if (config.isGuided()) {
      Value w = graph.scalar(LatentUNetPorts.GUIDANCE);
      int width = network.guidanceWidth();
      Value embedded = graph.guidanceSinusoid("guidance sinusoid", w, GUIDANCE_SCALE, width);
      graph.name("w_embedding", embedded);
      // Zero at first: a teacher that gets this input says what it said before.
      Value projected =
          layers.linearWithoutBias("time_embedding.cond_proj", embedded, base, Initializer.ZERO);
      e = graph.add("guidance", e, projected);
    }
    int width = EMBEDDING_MULTIPLE * base;
    e = layers.linear("time_embedding.linear_1", e, width);
    e = graph.activation("time_embedding.act", e, Activation.SILU);
    return layers.linear("time_embedding.linear_2", e, width);
  }

  /** All residual blocks' projections of the time. */
  private Map<String, Slice> times(Value emb) {
    Map<String, Integer> outs = new LinkedHashMap<>();
    for (UNetStage stage : network.stages()) {
      stage.blocks().forEach(block -> outs.put(time(block), block.out()));
    }
    Value activated = graph.activation("emb silu", emb, Activation.SILU);
    return layers.linears("time projections", activated, outs, true);
  }

  private static String time(UNetStage.Block block) {
    return block.resnet() + ".time_emb_proj";
  }

  private static Value context(LatentUNetConfig config, Layers layers) {
    UNetDescription network = config.network();
    Graph graph = layers.graph();
    if (config.hasClasses()) {
      Value labels = graph.condition(graph.labels(LatentUNetPorts.LABELS));
      return layers.embedding("class_table", labels, network.classRows(), network.context());
    }
    Shape shape = new Shape(config.tokens(), 1, network.context());
    return graph.condition(graph.image(LatentUNetPorts.CONTEXT, shape));
  }

  /** Widths of all transformer blocks, by their names. */
  private Map<String, Integer> transformers() {
    Map<String, Integer> widths = new LinkedHashMap<>();
    for (UNetStage stage : network.stages()) {
      for (UNetStage.Block block : stage.blocks()) {
        if (block.transformer() != null) {
          widths.put(SpatialTransformer.block(block.transformer()), block.out());
        }
      }
    }
    return widths;
  }

  // ---- Blocks

  private Value block(UNetStage stage, UNetStage.Block block, Value x) {
    graph.cut();
    Value h =
        ResidualBlock.write(
            layers, block.resnet(), x, block.out(), network.groups(), EPS, times.get(time(block)));
    graph.name(block.resnet(), h);
    if (block.transformer() == null) {
      return h;
    }
    SpatialTransformer transformer =
        new SpatialTransformer(
            block.transformer(),
            network.heads().get(stage.level()),
            network.groups(),
            network.linearProjection());
    graph.cut();
    return graph.name(block.transformer(), transformer.write(layers, h, context));
  }

  private Value down(String name, Value x) {
    Value h = convolution3(layers, name, layers.readable(name, x), x.shape().channels(), 2);
    return graph.name(module(name), h);
  }

  /** To the size of the skip that is joined next, which is twice as large or one pixel less. */
  private Value up(String name, Value x, Shape size) {
    boolean doubles =
        size.height() == 2 * x.shape().height() && size.width() == 2 * x.shape().width();
    String label = module(name) + " up";
    Value read =
        doubles
            ? graph.upsample2(label, layers.readable(name, x))
            : layers.readable(name, graph.upsample2(label, x, size.height(), size.width()));
    return graph.name(module(name), convolution3(layers, name, read, x.shape().channels(), 1));
  }

  /** What a module of one convolution is called. */
  private static String module(String convolution) {
    return convolution.substring(0, convolution.lastIndexOf('.'));
  }

  private static Value convolution3(Layers layers, String name, Value read, int out, int stride) {
    Form form = new Form(Window.square(3, stride, 1), Initializer.FAN_IN_UNIFORM);
    return layers.convolution(name, read, form, out, read.shape().channels(), 3, 3);
  }
}
