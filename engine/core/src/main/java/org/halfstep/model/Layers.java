package org.halfstep.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.halfstep.device.Activation;
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
  public enum Resize {
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
  public record Normed(String reader, GroupNorm norm, float dropout, int dropoutLayer) {
    /** The same with dropout behind it. */
    public Normed dropping(float probability, int layer) {
      return new Normed(reader, norm, probability, layer);
    }
  }

  /**
   * What a convolution or linear layer is beside its sizes.
   *
   * @param window the pixels that it reads; {@link Window#PIXEL} for a linear layer
   * @param initializer first values of its weights
   * @param biased whether it has a bias
   * @param activation what follows
   * @param residual what is added before that; null for nothing
   */
  public record Form(
      Window window,
      Initializer initializer,
      boolean biased,
      Activation activation,
      Value residual) {
    /** With a bias and nothing behind it. */
    public Form(Window window, Initializer initializer) {
      this(window, initializer, true, Activation.NONE, null);
    }

    /** A linear layer, or a 1x1 convolution, with PyTorch's first values. */
    public static Form linear() {
      return new Form(Window.PIXEL, Initializer.FAN_IN_UNIFORM);
    }

    public Form plus(Value added) {
      return new Form(window, initializer, biased, activation, added);
    }

    public Form then(Activation function) {
      return new Form(window, initializer, biased, function, residual);
    }

    public Form withoutBias() {
      return new Form(window, initializer, false, activation, residual);
    }
  }

  /** What the layers are written into: inputs, ops without parameters, names. */
  public final Graph graph() {
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
    int8.readers()
        .forEach(
            (layer, reader) -> {
              List<String> inputs = separate.graph().names(reader + INPUT + ".");
              if (inputs.isEmpty()) {
                throw new IllegalStateException("what " + layer + " reads has no name");
              }
              layers.put(layer, inputs);
            });
    return layers;
  }

  /** Layers of the same graph that are never computed in bytes. */
  public final Layers exact() {
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
  public final Normed norm(
      String reader,
      String name,
      Value x,
      int groups,
      float eps,
      Slice modulation,
      Activation activation) {
    GroupNorm norm = groupNorm(name, x, groups, eps, modulation, activation);
    declareReader(reader);
    return new Normed(reader, norm, 0, 0);
  }

  /** A group normalisation of its own. */
  public final Value groupNorm(String name, Value x, int groups, float eps, Activation activation) {
    return graph.groupNorm(groupNorm(name, x, groups, eps, null, activation));
  }

  private GroupNorm groupNorm(
      String name, Value x, int groups, float eps, Slice modulation, Activation activation) {
    int channels = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.ONE, channels, channels);
    Parameter bias = graph.parameter(name + ".bias", Initializer.ZERO, channels, channels);
    return new GroupNorm(name, x, weight, bias, groups, eps, modulation, activation);
  }

  /** A layer normalisation, over the channels of each pixel, or token. */
  public final Value layerNorm(String name, Value x, float eps) {
    int channels = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.ONE, channels, channels);
    Parameter bias = graph.parameter(name + ".bias", Initializer.ZERO, channels, channels);
    return graph.layerNorm(name, x, weight, bias, eps);
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
  public abstract Value convolution(
      Normed normed, Resize resize, Initializer initializer, Value residual, Integer... shape);

  /**
   * A convolution or, of one pixel, a linear layer, of every pixel, or token, alone.
   *
   * @param read what it reads, of {@link #readable}
   * @param shape of the checkpoint's weight: out, in, and the window's extents, which may be
   *     missing for one pixel
   */
  public abstract Value convolution(String name, Value read, Form form, Integer... shape);

  /**
   * The same with bias and a square kernel, padded by half of it.
   *
   * @param residual null for none
   */
  public final Value convolution(
      String name,
      Value read,
      int stride,
      Initializer initializer,
      Value residual,
      Integer... shape) {
    int kernel = kernel(shape);
    Window window = Window.square(kernel, stride, kernel / 2);
    return convolution(name, read, new Form(window, initializer).plus(residual), shape);
  }

  /**
   * A convolution, bias and {@code max(., 0)}, for inference only: what is left of a convolution
   * without bias, a batch norm and a ReLU.
   *
   * @param name of all of them; the bias is its ".bias"
   * @param kernel ends the name of the convolution, whose weight is "NAME KERNEL.weight"
   */
  public final Value convolutionRelu(String name, String kernel, Value x, int out, Window window) {
    int in = x.shape().channels();
    Parameter weight =
        weight(name + kernel, Initializer.FAN_IN_UNIFORM, out, in, window.height(), window.width());
    Parameter bias = graph.parameter(name + ".bias", Initializer.ZERO, in * window.taps(), out);
    return graph.convolution(name, x, weight, bias, window, null, Activation.RELU);
  }

  /** A value in the form that the convolution {@code reader} reads. */
  public Value readable(String reader, Value x) {
    return x;
  }

  /** {@code x W^T + b} on vectors. */
  public final Value linear(String name, Value x, int out) {
    int in = x.shape().channels();
    Parameter weight = graph.parameter(name + ".weight", Initializer.FAN_IN_UNIFORM, in, out, in);
    Parameter bias = graph.parameter(name + ".bias", Initializer.FAN_IN_UNIFORM, in, out);
    return graph.linear(name, x, weight, bias);
  }

  /** {@code x W^T} on vectors. */
  public final Value linearWithoutBias(String name, Value x, int out) {
    return linearWithoutBias(name, x, out, Initializer.FAN_IN_UNIFORM);
  }

  /** The same with weights that start in a way of their own. */
  public final Value linearWithoutBias(String name, Value x, int out, Initializer initializer) {
    int in = x.shape().channels();
    return graph.linear(name, x, graph.parameter(name + ".weight", initializer, in, out, in), null);
  }

  /**
   * Linear layers that read the same, as one product: queries, keys and values, or the projections
   * of one vector.
   *
   * @param label what a profile calls it
   * @param read of {@link #readable} by the first name, where it may be bytes
   * @param outs width of each, by its name
   * @param biased whether they have biases
   * @return the slice of each
   */
  public final Map<String, Slice> linears(
      String label, Value read, Map<String, Integer> outs, boolean biased) {
    int in = read.shape().channels();
    List<String> names = List.copyOf(outs.keySet());
    List<List<Integer>> widths = outs.values().stream().map(List::of).toList();
    Parameter weight = declareLinears(outs, in);
    Parameter bias =
        biased ? graph.stack(ending(names, ".bias"), widths, Initializer.FAN_IN_UNIFORM, in) : null;
    Value all = product(label, names, widths, read, weight, bias);
    Map<String, Slice> slices = new LinkedHashMap<>();
    int offset = 0;
    for (Map.Entry<String, Integer> each : outs.entrySet()) {
      slices.put(each.getKey(), new Slice(all, offset, each.getValue()));
      offset += each.getValue();
    }
    return slices;
  }

  /**
   * Declares the weights of {@link #linears}, for networks that do not read all of them.
   *
   * @param outs width of each, by its name
   * @return all of them, one below the other
   */
  public final Parameter declareLinears(Map<String, Integer> outs, int in) {
    List<List<Integer>> matrices = outs.values().stream().map(rows -> List.of(rows, in)).toList();
    List<String> weights = ending(List.copyOf(outs.keySet()), ".weight");
    return graph.stack(weights, matrices, Initializer.FAN_IN_UNIFORM, in);
  }

  /**
   * The product of {@link #linears}.
   *
   * @param names of the layers
   * @param widths one number each, as a shape
   * @param bias null for none
   */
  Value product(
      String label,
      List<String> names,
      List<List<Integer>> widths,
      Value read,
      Parameter weight,
      Parameter bias) {
    return graph.linear(label, read, weight, bias);
  }

  static List<String> ending(List<String> names, String end) {
    return names.stream().map(name -> name + end).toList();
  }

  // ---- Transformers

  /**
   * A linear layer with gates, and one behind it: {@code W2 (a f(b)) + b2 + residual}, a and b the
   * halves of {@code W1 x + b1}. Their names are those of checkpoints, ".net.0.proj" and ".net.2".
   *
   * @param inner width of a and of b
   * @param gate f: GELU in Stable Diffusion's transformers
   * @param residual null for none
   */
  public final Value gatedFeedForward(
      String name, Value x, int inner, Activation gate, Value residual) {
    int width = x.shape().channels();
    String first = name + ".net.0.proj";
    String last = name + ".net.2";
    Value both = convolution(first, readable(first, x), Form.linear(), 2 * inner, width);
    Value gated = graph.glu(name + ".net.0", both, gate);
    return convolution(last, readable(last, gated), Form.linear().plus(residual), width, inner);
  }

  /**
   * Two linear layers and an activation: {@code W2 f(W1 x + b1) + b2 + residual}.
   *
   * @param first name of the first
   * @param last name of the second
   * @param inner width between the two
   * @param residual null for none
   */
  public final Value feedForward(
      String first, String last, Value x, int inner, Activation activation, Value residual) {
    int width = x.shape().channels();
    Form widening = Form.linear().then(activation);
    Value h = convolution(first, readable(first, x), widening, inner, width);
    return convolution(last, readable(last, h), Form.linear().plus(residual), width, inner);
  }

  /**
   * The rows of a table that labels or tokens name, float32.
   *
   * @param rows of the table
   * @param width of a row
   */
  public final Value embedding(String name, Value ids, int rows, int width) {
    Parameter table = graph.parameter(name + ".weight", Initializer.SMALL_NORMAL, 1, rows, width);
    return graph.embedding(name, table, ids);
  }

  /** Declares a table of codes. */
  public final Parameter table(String name, int rows, int width) {
    return graph.parameter(name + ".weight", Initializer.NORMAL, 1, rows, width);
  }

  /** Adds a table with one row per pixel, or token. */
  public final Value positions(String name, Value x) {
    int width = x.shape().channels();
    Parameter table =
        graph.parameter(name + ".weight", Initializer.SMALL_NORMAL, 1, x.shape().pixels(), width);
    return graph.positions(name, x, table);
  }

  // ---- What the vocabularies share

  /** A change of size without parameters. */
  public final Value resize(String name, Value x, Resize resize) {
    return switch (resize) {
      case NONE -> x;
      case UP -> graph.upsample2(name + " up", x);
      case DOWN -> graph.downsample2(name + " down", x);
    };
  }

  final Parameter weight(String name, Initializer initializer, Integer... shape) {
    return graph.parameter(name + ".weight", initializer, fanIn(shape), shape);
  }

  final Parameter bias(String name, Initializer initializer, Integer... shape) {
    return graph.parameter(name + ".bias", initializer, fanIn(shape), shape[0]);
  }

  /** The bias of a form that has one, else null. */
  final Parameter bias(String name, Form form, Integer... shape) {
    return form.biased() ? bias(name, form.initializer(), shape) : null;
  }

  /** A convolution in the type of activations. */
  final Value plain(String name, Value read, Form form, Parameter weight, Parameter bias) {
    return graph.convolution(
        name, read, weight, bias, form.window(), form.residual(), form.activation());
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
