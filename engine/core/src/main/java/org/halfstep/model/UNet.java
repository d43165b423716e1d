package org.halfstep.model;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.graph.Graph;
import org.halfstep.graph.GroupNorm;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Quantizer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.UNetLayer.Resize;

/**
 * The ADM UNet as a graph. Inputs: image "x", time "t" in 0..1000, labels "y" if class-conditional,
 * guidance strength "w" if guided. Output: "out". Further named values: "emb", and the output of
 * every block under its checkpoint name.
 *
 * <p>The embedding projections of all residual blocks are declared as one stack and computed as one
 * matrix product.
 */
public final class UNet {
  /**
   * The embedding multiplies the guidance input by this before taking sines, as for times in 0..1.
   */
  private static final double GUIDANCE_SCALE = 1000;

  private static final String INPUT = ".input";

  private final UNetConfig config;
  private final Graph graph = new Graph();
  private final UNetLayer.Blocks blocks;
  private final Map<String, Slice> projections = new HashMap<>();
  private final Form form;
  private final Map<String, Quantizer> quantizers = new LinkedHashMap<>();
  private int dropoutLayers;

  private UNet(UNetConfig config, Form form) {
    this.config = config;
    this.form = form;
    this.blocks = UNetLayer.Blocks.of(config);
  }

  /** How the same network is written. */
  private enum Form {
    /** Norms are part of the 3x3 convolutions that read them, where the device can. */
    FUSED,
    /** What a convolution reads is a value of its own, with a name; for inference. */
    SEPARATE,
    /** Convolutions read bytes; for inference. */
    INT8
  }

  private static UNet described(UNetConfig config, Form form) {
    UNet net = new UNet(config, form);
    net.describe();
    return net;
  }

  /** Describes the network. */
  public static Graph build(UNetConfig config) {
    return described(config, Form.FUSED).graph;
  }

  /**
   * Describes the same network, with the same parameters at the same places, for measuring what
   * convolutions read: the values that {@link #quantizedLayers} names are kept apart.
   */
  static Graph buildSeparate(UNetConfig config) {
    return described(config, Form.SEPARATE).graph;
  }

  /**
   * Describes the network with int8 convolutions, for inference. All but the first and the last
   * convolution read bytes. Such a layer has, beside its weight and bias, "weight_scale" (one per
   * output channel), "input_scale" and "input_zero_point".
   */
  static Graph buildQuantized(UNetConfig config) {
    return described(config, Form.INT8).graph;
  }

  /**
   * The layers that {@link #buildQuantized} gives int8 convolutions, each with the names of the
   * values that it reads in {@link #buildSeparate}: one, or the two of a concatenation.
   */
  static Map<String, List<String>> quantizedLayers(UNetConfig config) {
    Map<String, List<String>> layers = new LinkedHashMap<>();
    Graph separate = buildSeparate(config);
    for (String layer : described(config, Form.INT8).quantizers.keySet()) {
      List<String> inputs = separate.names(layer + INPUT + ".");
      if (inputs.isEmpty()) {
        throw new IllegalStateException("what " + layer + " reads has no name");
      }
      layers.put(layer, inputs);
    }
    return layers;
  }

  /** One layer alone: "out" from the inputs "x" and, for a residual block, the embedding "emb". */
  static Graph alone(UNetConfig config, UNetLayer layer, Shape image) {
    UNet net = new UNet(config, Form.FUSED);
    Graph graph = net.graph;
    Value x = graph.toActivation(graph.image("x", image));
    if (layer instanceof UNetLayer.Residual residual) {
      Value emb = graph.image("emb", Shape.vector(config.embeddingChannels()));
      net.project(graph.silu("emb silu", emb), List.of(residual));
    }
    graph.name("out", graph.toFloat(net.block(List.of(layer), x)));
    return graph;
  }

  private void describe() {
    Value x =
        graph.image("x", new Shape(config.imageSize(), config.imageSize(), config.inChannels()));
    Value emb = graph.name("emb", embedding());
    project(graph.silu("emb silu", emb), blocks.residuals());

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
    GroupNorm last = groupNorm("out.0", h, null, true);
    h = normConvolution(last, 0, 0, "out.2", config.outChannels(), Initializer.ZERO, null);
    graph.name("out", graph.toFloat(h));
  }

  // ---- Embeddings
  // ---------------------------------------------------------------------------------

  private Value embedding() {
    int base = config.modelChannels();
    int width = config.embeddingChannels();
    Value e = graph.sinusoid("time sinusoid", graph.scalar("t"), 1, base);
    if (config.isGuided()) {
      int dimension = config.guidanceEmbedDim();
      Value w = graph.sinusoid("guidance sinusoid", graph.scalar("w"), GUIDANCE_SCALE, dimension);
      Parameter projection =
          graph.parameter("w_proj.weight", Initializer.ZERO, dimension, base, dimension);
      e = graph.add("guidance", e, graph.linear("w_proj", w, projection, null));
    }
    e = linear("time_embed.0", e, base, width);
    e = linear("time_embed.2", graph.silu("time_embed.1", e), width, width);
    if (config.isConditional()) {
      Parameter table =
          graph.parameter("label_emb.weight", Initializer.NORMAL, 1, config.labelRows(), width);
      e = graph.addEmbedding("label_emb", e, table, graph.labels("y"));
    }
    return e;
  }

  /**
   * All residual blocks' projections of the embedding in one product; each block reads its slice.
   */
  private void project(Value emb, List<UNetLayer.Residual> residuals) {
    List<String> weights = new ArrayList<>();
    List<String> biases = new ArrayList<>();
    List<Integer> rows = new ArrayList<>();
    for (UNetLayer.Residual residual : residuals) {
      weights.add(residual.name() + ".emb_layers.1.weight");
      biases.add(residual.name() + ".emb_layers.1.bias");
      rows.add(residual.out() * (config.scaleShiftNorm() ? 2 : 1));
    }
    int width = config.embeddingChannels();
    Parameter weight = graph.stack(weights, rows, width, Initializer.FAN_IN_UNIFORM, width);
    Parameter bias = graph.stack(biases, rows, 0, Initializer.FAN_IN_UNIFORM, width);
    Value all = graph.linear("emb_layers", emb, weight, bias);
    int offset = 0;
    for (int i = 0; i < rows.size(); i++) {
      projections.put(residuals.get(i).name(), new Slice(all, offset, rows.get(i)));
      offset += rows.get(i);
    }
  }

  private Value linear(String name, Value x, int in, int out) {
    Parameter weight = graph.parameter(name + ".weight", Initializer.FAN_IN_UNIFORM, in, out, in);
    Parameter bias = graph.parameter(name + ".bias", Initializer.FAN_IN_UNIFORM, in, out);
    return graph.linear(name, x, weight, bias);
  }

  // ---- Layers
  // -------------------------------------------------------------------------------------

  private Value block(List<UNetLayer> layers, Value x) {
    Value h = x;
    for (UNetLayer layer : layers) {
      h =
          switch (layer) {
            case UNetLayer.Entry entry ->
                convolution(entry.name(), h, entry.out(), 3, 1, Initializer.FAN_IN_UNIFORM, null);
            case UNetLayer.Residual residual -> residual(residual, h);
            case UNetLayer.Attention attention -> attention(attention, h);
            case UNetLayer.Resample resample -> resample(resample, h);
          };
    }
    return h;
  }

  private Value residual(UNetLayer.Residual layer, Value x) {
    String name = layer.name();
    Slice projection = projections.get(name);
    String in = name + ".in_layers.2";
    String last = name + ".out_layers.3";
    Value h;
    if (layer.resize() == Resize.NONE && form == Form.FUSED) {
      GroupNorm first = groupNorm(name + ".in_layers.0", x, null, true);
      h = normConvolution(first, 0, 0, in, layer.out(), Initializer.FAN_IN_UNIFORM, null);
    } else {
      h = reading(in, name + ".in_layers.0", x, layer.resize());
      h = convolution(in, h, layer.out(), 3, 1, Initializer.FAN_IN_UNIFORM, null);
    }
    if (!config.scaleShiftNorm()) {
      h = graph.addPerChannel(name + ".emb", h, projection);
    }
    Slice modulation = config.scaleShiftNorm() ? projection : null;
    if (form != Form.FUSED) {
      h = normFor(last, name + ".out_layers.0", h, modulation, true);
      Value skip = skip(layer, resize(name + " skip", x, layer.resize()));
      return convolution(last, h, layer.out(), 3, 1, Initializer.ZERO, skip);
    }
    GroupNorm second = groupNorm(name + ".out_layers.0", h, modulation, true);
    Value skip = skip(layer, resize(name + " skip", x, layer.resize()));
    return normConvolution(
        second, config.dropout(), dropoutLayers++, last, layer.out(), Initializer.ZERO, skip);
  }

  /** Norm, SiLU and change of size, as the convolution {@code reader} reads it. */
  private Value reading(String reader, String norm, Value x, Resize resize) {
    if (resize == Resize.DOWN) {
      // Bytes are not averaged: that would round twice.
      Value smaller = resize(reader + " branch", norm(norm, x, null, true), resize);
      return inputFor(reader, smaller);
    }
    return resize(reader + " branch", normFor(reader, norm, x, null, true), resize);
  }

  private Value skip(UNetLayer.Residual layer, Value x) {
    if (layer.in() == layer.out()) {
      return graph.single(x);
    }
    String name = layer.name() + ".skip_connection";
    Value read = inputFor(name, x);
    return convolution(name, read, layer.out(), 1, 1, Initializer.FAN_IN_UNIFORM, null);
  }

  private Value resize(String name, Value x, Resize resize) {
    return switch (resize) {
      case NONE -> x;
      case UP -> graph.upsample2(name + " up", x);
      case DOWN -> graph.downsample2(name + " down", x);
    };
  }

  private Value attention(UNetLayer.Attention layer, Value x) {
    String name = layer.name();
    int channels = layer.channels();
    String projection = name + ".qkv";
    Value h;
    if (form == Form.FUSED) {
      GroupNorm norm = groupNorm(name + ".norm", x, null, false);
      Parameter weight =
          graph.parameter(
              projection + ".weight",
              Initializer.FAN_IN_UNIFORM,
              channels,
              3 * channels,
              channels,
              1);
      h = normConvolution(norm, 0, 0, projection, weight, Initializer.FAN_IN_UNIFORM, 1, null);
    } else {
      h = normFor(projection, name + ".norm", x, null, false);
      h = pointwise(projection, h, 3 * channels, Initializer.FAN_IN_UNIFORM, null);
    }
    h = graph.attention(name + ".attention", h, config.heads(channels), config.newAttentionOrder());
    h = inputFor(name + ".proj_out", h);
    return pointwise(name + ".proj_out", h, channels, Initializer.ZERO, x);
  }

  private Value resample(UNetLayer.Resample layer, Value x) {
    boolean up = layer.resize() == Resize.UP;
    if (!config.convResample()) {
      return resize(layer.name(), x, layer.resize());
    }
    String name = layer.name() + (up ? ".conv" : ".op");
    Value h = inputFor(name, x);
    h = up ? graph.upsample2(layer.name() + " up", h) : h;
    return convolution(name, h, layer.channels(), 3, up ? 1 : 2, Initializer.FAN_IN_UNIFORM, null);
  }

  /** The norm in front of the convolution {@code reader}, in the form that this one reads. */
  private Value normFor(String reader, String name, Value x, Slice modulation, boolean silu) {
    if (form != Form.INT8) {
      return norm(name, x, modulation, silu);
    }
    int channels = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.ONE, channels, channels);
    Parameter bias = graph.parameter(name + ".bias", Initializer.ZERO, channels, channels);
    return graph.groupNormQuantized(
        name, x, weight, bias, UNetConfig.GROUPS, modulation, silu, quantizer(reader));
  }

  private Value norm(String name, Value x, Slice modulation, boolean silu) {
    return graph.groupNorm(groupNorm(name, x, modulation, silu));
  }

  private GroupNorm groupNorm(String name, Value x, Slice modulation, boolean silu) {
    int channels = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.ONE, channels, channels);
    Parameter bias = graph.parameter(name + ".bias", Initializer.ZERO, channels, channels);
    return new GroupNorm(name, x, weight, bias, UNetConfig.GROUPS, modulation, silu);
  }

  /** A 3x3 convolution of a normalised image, with dropout between the two. */
  private Value normConvolution(
      GroupNorm norm,
      float dropout,
      int dropoutLayer,
      String name,
      int out,
      Initializer initializer,
      Value residual) {
    int in = norm.x().shape().channels();
    Parameter weight = graph.parameter(name + ".weight", initializer, in * 9, out, in, 3, 3);
    return normConvolution(norm, dropout, dropoutLayer, name, weight, initializer, 3, residual);
  }

  private Value normConvolution(
      GroupNorm norm,
      float dropout,
      int dropoutLayer,
      String name,
      Parameter weight,
      Initializer initializer,
      int kernel,
      Value residual) {
    int fanIn = norm.x().shape().channels() * kernel * kernel;
    Parameter bias = graph.parameter(name + ".bias", initializer, fanIn, weight.shape().getFirst());
    return graph.groupNormConvolution(
        norm, dropout, dropoutLayer, name + INPUT + ".0", name, weight, bias, kernel, residual);
  }

  /** A value in the form that the convolution {@code reader} reads. */
  private Value inputFor(String reader, Value x) {
    return form == Form.INT8 ? graph.quantize(reader + INPUT, x, quantizer(reader)) : x;
  }

  private Quantizer quantizer(String reader) {
    Quantizer quantizer =
        new Quantizer(
            graph.parameter(reader + ".input_scale", Initializer.ONE, 1, 1),
            graph.parameter(reader + ".input_zero_point", Initializer.ZERO, 1, 1));
    quantizers.put(reader, quantizer);
    return quantizer;
  }

  private Value convolution(
      String name,
      Value x,
      int out,
      int kernel,
      int stride,
      Initializer initializer,
      Value residual) {
    int in = x.shape().channels();
    int fanIn = in * kernel * kernel;
    Parameter weight =
        graph.parameter(name + ".weight", initializer, fanIn, out, in, kernel, kernel);
    return convolution(name, x, weight, fanIn, kernel, stride, initializer, residual);
  }

  /** A 1x1 convolution whose checkpoint weight has the shape [out, in, 1]. */
  private Value pointwise(String name, Value x, int out, Initializer initializer, Value residual) {
    int in = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", initializer, in, out, in, 1);
    return convolution(name, x, weight, in, 1, 1, initializer, residual);
  }

  private Value convolution(
      String name,
      Value x,
      Parameter weight,
      int fanIn,
      int kernel,
      int stride,
      Initializer initializer,
      Value residual) {
    int out = weight.shape().getFirst();
    Parameter bias = graph.parameter(name + ".bias", initializer, fanIn, out);
    Quantizer quantizer = quantizers.get(name);
    if (quantizer != null) {
      Parameter scale = graph.parameter(name + ".weight_scale", Initializer.ONE, 1, out);
      return graph.quantizedConvolution(
          name, x, quantizer, weight, scale, bias, kernel, stride, residual);
    }
    if (form == Form.SEPARATE) {
      for (int i = 0; i < x.sources().size(); i++) {
        graph.name(name + INPUT + "." + i, x.sources().get(i));
      }
    }
    return graph.convolutionResidual(name, x, weight, bias, kernel, stride, residual);
  }
}
