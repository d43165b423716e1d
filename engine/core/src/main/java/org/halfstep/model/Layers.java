package org.halfstep.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.halfstep.device.Window;
import org.halfstep.graph.Graph;
import org.halfstep.graph.GroupNorm;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;

/**
 * The vocabulary that networks are written in: layers with their parameters, names and first
 * values, on top of a graph's ops. The same network is written in three ways, by three
 * vocabularies: as it runs and is trained ({@link FusedLayers}), with everything that a convolution
 * reads kept apart for measuring it ({@link SeparateLayers}), and with convolutions of bytes
 * ({@link Int8Layers}).
 *
 * <p>A parameter is declared when its layer is written, under the layer's name and ".weight" or
 * ".bias": the order of calls is the order in the parameter slab.
 */
public abstract sealed class Layers permits FusedLayers, SeparateLayers, Int8Layers {
  /** Ends the name of what a convolution reads. */
  static final String INPUT = ".input";

  private final Graph graph;

  Layers(Graph graph) {
    this.graph = graph;
  }

  /** What happens to the image size between a norm and the convolution that reads it. */
  enum Resize {
    NONE,
    UP,
    DOWN
  }

  /**
   * A group normalisation in front of a convolution; its parameters are declared.
   *
   * @param reader name of the convolution
   * @param dropout probability of dropout between the two in training
   * @param dropoutLayer keys its random numbers
   */
  record Normed(String reader, GroupNorm norm, float dropout, int dropoutLayer) {
    /** The same with dropout behind it. */
    Normed dropping(float probability, int layer) {
      return new Normed(reader, norm, probability, layer);
    }
  }

  final Graph graph() {
    return graph;
  }

  /**
   * The layers that {@link Int8Layers} compute in bytes, each with the names of the values that it
   * reads where they are kept apart: one, or the two of a concatenation.
   *
   * @param network writes itself
   */
  static Map<String, List<String>> quantized(Consumer<Layers> network) {
    SeparateLayers separate = new SeparateLayers(new Graph());
    network.accept(separate);
    Int8Layers int8 = new Int8Layers(new Graph());
    network.accept(int8);
    Map<String, List<String>> layers = new LinkedHashMap<>();
    for (String layer : int8.quantizers()) {
      List<String> inputs = separate.graph().names(layer + INPUT + ".");
      if (inputs.isEmpty()) {
        throw new IllegalStateException("what " + layer + " reads has no name");
      }
      layers.put(layer, inputs);
    }
    return layers;
  }

  /** Layers of the same graph that are never computed in bytes. */
  final Layers exact() {
    return new FusedLayers(graph);
  }

  // ---- Normalisation

  /**
   * Declares a norm in front of a convolution.
   *
   * @param groups groups of channels
   * @param eps added to the variance
   * @param modulation null for none
   */
  final Normed norm(
      String reader, String name, Value x, int groups, float eps, Slice modulation, boolean silu) {
    GroupNorm norm = groupNorm(name, x, groups, eps, modulation, silu);
    declareReader(reader);
    return new Normed(reader, norm, 0, 0);
  }

  /** A group normalisation of its own. */
  final Value groupNorm(String name, Value x, int groups, float eps, boolean silu) {
    return graph.groupNorm(groupNorm(name, x, groups, eps, null, silu));
  }

  private GroupNorm groupNorm(
      String name, Value x, int groups, float eps, Slice modulation, boolean silu) {
    int channels = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.ONE, channels, channels);
    Parameter bias = graph.parameter(name + ".bias", Initializer.ZERO, channels, channels);
    return new GroupNorm(name, x, weight, bias, groups, eps, modulation, silu);
  }

  /** Declares what a reader of a norm needs beside its weights. */
  void declareReader(String reader) {}

  // ---- Convolutions

  /**
   * A 1x1 or 3x3 convolution of what a norm makes, at stride 1.
   *
   * @param resize between the two
   * @param shape of the checkpoint's weight: out, in, and the kernel's extents
   * @param residual null for none
   */
  abstract Value convolution(
      Normed normed, Resize resize, Initializer initializer, Value residual, Integer... shape);

  /**
   * A convolution or, of one pixel, a linear layer, with bias.
   *
   * @param read what it reads, of {@link #readable}
   * @param shape of the checkpoint's weight: out, in, and the kernel's extents, which are square
   * @param residual null for none
   */
  abstract Value convolution(
      String name,
      Value read,
      int stride,
      Initializer initializer,
      Value residual,
      Integer... shape);

  /**
   * A convolution, bias and {@code max(., 0)}, for inference only: what is left of a convolution
   * without bias, a batch norm and a ReLU.
   *
   * @param name of all of them; the bias is its ".bias"
   * @param kernel ends the name of the convolution, whose weight is "NAME KERNEL.weight"
   */
  final Value convolutionRelu(String name, String kernel, Value x, int out, Window window) {
    int in = x.shape().channels();
    Parameter weight =
        weight(name + kernel, Initializer.FAN_IN_UNIFORM, out, in, window.height(), window.width());
    Parameter bias = graph.parameter(name + ".bias", Initializer.ZERO, in * window.taps(), out);
    return graph.convolutionRelu(name, x, weight, bias, window);
  }

  /** A value in the form that the convolution {@code reader} reads. */
  Value readable(String reader, Value x) {
    return x;
  }

  /** {@code x W^T + b} on vectors. */
  final Value linear(String name, Value x, int out) {
    int in = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.FAN_IN_UNIFORM, in, out, in);
    Parameter bias = graph.parameter(name + ".bias", Initializer.FAN_IN_UNIFORM, in, out);
    return graph.linear(name, x, weight, bias);
  }

  /** {@code x W^T} on vectors. */
  final Value linearWithoutBias(String name, Value x, int out) {
    int in = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.FAN_IN_UNIFORM, in, out, in);
    return graph.linear(name, x, weight, null);
  }

  /**
   * Linear layers of the same vector as one product.
   *
   * @param label what a profile calls it
   * @param outs width of each, by its name
   * @return the slice of each
   */
  final Map<String, Slice> linears(String label, Value x, Map<String, Integer> outs) {
    int in = x.shape().channels();
    List<List<Integer>> matrices = outs.values().stream().map(rows -> List.of(rows, in)).toList();
    List<List<Integer>> vectors = outs.values().stream().map(List::of).toList();
    Parameter weight =
        graph.stack(ending(outs, ".weight"), matrices, Initializer.FAN_IN_UNIFORM, in);
    Parameter bias = graph.stack(ending(outs, ".bias"), vectors, Initializer.FAN_IN_UNIFORM, in);
    Value all = graph.linear(label, x, weight, bias);
    Map<String, Slice> slices = new LinkedHashMap<>();
    int offset = 0;
    for (Map.Entry<String, Integer> each : outs.entrySet()) {
      slices.put(each.getKey(), new Slice(all, offset, each.getValue()));
      offset += each.getValue();
    }
    return slices;
  }

  private static List<String> ending(Map<String, Integer> outs, String end) {
    return outs.keySet().stream().map(name -> name + end).toList();
  }

  /** A change of size without parameters. */
  final Value resize(String name, Value x, Resize resize) {
    return switch (resize) {
      case NONE -> x;
      case UP -> graph.upsample2(name + " up", x);
      case DOWN -> graph.downsample2(name + " down", x);
    };
  }

  // ---- What the vocabularies share

  final Parameter weight(String name, Initializer initializer, Integer... shape) {
    return graph.parameter(name + ".weight", initializer, fanIn(shape), shape);
  }

  final Parameter bias(String name, Initializer initializer, Integer... shape) {
    return graph.parameter(name + ".bias", initializer, fanIn(shape), shape[0]);
  }

  private static int fanIn(Integer... shape) {
    int fanIn = 1;
    for (int i = 1; i < shape.length; i++) {
      fanIn *= shape[i];
    }
    return fanIn;
  }

  /** The side of a weight's kernel; 1 for a weight without one. */
  static int kernel(Integer... shape) {
    return shape.length > 2 ? shape[shape.length - 1] : 1;
  }
}
