package org.halfstep.graph;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.graph.Parameter.Initializer;

/**
 * The description of a network: inputs, parameters and a flat list of ops in execution order. It
 * holds no memory; a {@link Plan} binds it to a device, a batch and a mode.
 *
 * <p>Every method that adds an op returns the op's output. Shapes are those of one sample.
 */
public final class Graph {
  private final List<Op> ops = new ArrayList<>();
  private final List<Value> inputs = new ArrayList<>();
  private final List<Value> conditions = new ArrayList<>();
  private final List<Integer> cuts = new ArrayList<>();
  private final ParameterLayout parameters = new ParameterLayout();
  private final Map<String, Value> named = new LinkedHashMap<>();
  private int values;

  // ---- Inputs and parameters ------------------------------------------------------------------

  /** An image input, float32 in memory whatever the plan's activation type. */
  public Value image(String name, Shape shape) {
    return input(name, shape, Value.Storage.F32);
  }

  /** One float per sample. */
  public Value scalar(String name) {
    return input(name, Shape.vector(1), Value.Storage.F32);
  }

  /** One label number per sample. */
  public Value labels(String name) {
    return input(name, Shape.vector(1), Value.Storage.I32);
  }

  /**
   * Declares that an input stays the same over many runs: what depends on such inputs alone is
   * computed by {@link Plan#condition}, once for all of them.
   *
   * @return the input
   */
  public Value condition(Value input) {
    if (!inputs.contains(input)) {
      throw new IllegalArgumentException(input + " is not an input");
    }
    conditions.add(input);
    return input;
  }

  /** A sequence of numbers per sample, as tokens of a text. */
  public Value tokens(String name, int length) {
    return input(name, new Shape(length, 1, 1), Value.Storage.I32);
  }

  private Value input(String name, Shape shape, Value.Storage storage) {
    Value value = new Value(this, values++, name, shape, storage, null, List.of());
    inputs.add(value);
    return name(name, value);
  }

  /** Declares one parameter. */
  public Parameter parameter(String name, Initializer initializer, int fanIn, Integer... shape) {
    return parameters.declare(name, initializer, fanIn, List.of(shape));
  }

  /**
   * Declares parameters that lie next to each other, as one matrix or vector stacked along the
   * first extent.
   *
   * @param names checkpoint names
   * @param shapes shape of each in a checkpoint: [o,i], [o,i,1,1] (the same numbers) or [o]
   * @return the whole stack as one parameter range; the named parts are the graph's parameters
   */
  public Parameter stack(
      List<String> names, List<List<Integer>> shapes, Initializer initializer, int fanIn) {
    return parameters.stack(names, shapes, initializer, fanIn);
  }

  // ---- Ops --------------------------------------------------------------------------------------

  /** Zero-padded convolution; weight OIHW, padding kernel/2. */
  public Value convolution(
      String name, Value x, Parameter weight, Parameter bias, int kernel, int stride) {
    Window window = Window.square(kernel, stride, kernel / 2);
    return convolution(name, x, weight, bias, window, null, Activation.NONE);
  }

  /**
   * {@code activation(convolution(x) + bias + residual)}. A window of one pixel reads a
   * concatenation in place.
   *
   * @param weight OIHW, its last two extents the window's; of a single pixel they may be missing
   * @param bias null for none
   * @param residual null for none
   */
  public Value convolution(
      String name,
      Value x,
      Parameter weight,
      Parameter bias,
      Window window,
      Value residual,
      Activation activation) {
    Value source = window.taps() == 1 ? x : single(x);
    return add(
        new ConvolutionOp(this, name, source, null, weight, bias, window, residual, activation));
  }

  /** The mean of the pixels in a window that lie inside the image, for inference only. */
  public Value averagePool(String name, Value x, Window window) {
    return add(new PoolOp(name, single(x), window, true));
  }

  /** The largest of the pixels in a window, for inference only. */
  public Value maxPool(String name, Value x, Window window) {
    return add(new PoolOp(name, single(x), window, false));
  }

  /** {@code x W^T + b} on vectors, or on each token alone. {@code bias} may be null. */
  public Value linear(String name, Value x, Parameter weight, Parameter bias) {
    return convolution(name, x, weight, bias, Window.PIXEL, null, Activation.NONE);
  }

  /** A group normalisation as an operation of its own. */
  public Value groupNorm(GroupNorm norm) {
    return add(new GroupNormOp(norm, null));
  }

  /**
   * A convolution, {@code convolution(dropout(norm(x))) + bias + residual}, with its group
   * normalisation; weight OIHW, stride 1, padding kernel/2. Where the device can, the convolution
   * normalises while it reads and the normalised image is never stored; elsewhere, and with dropout
   * in training, each is an operation of its own.
   *
   * @param dropout probability of dropout between the two, 0 for none
   * @param layer keys the random numbers of dropout
   * @param readAs name of what the convolution reads, for plans that keep it; null for none
   * @param residual null for none
   */
  public Value groupNormConvolution(
      GroupNorm norm,
      float dropout,
      int layer,
      String readAs,
      String name,
      Parameter weight,
      Parameter bias,
      int kernel,
      Value residual) {
    Value normalised = between(norm.name(), norm.x().shape(), norm.x().storage());
    Dropout drop = dropout == 0 ? null : new Dropout(norm.name() + " dropout", dropout, layer);
    Value read =
        drop == null ? normalised : between(drop.name(), normalised.shape(), normalised.storage());
    if (readAs != null) {
      name(readAs, read);
    }
    Prologue prologue = new Prologue(norm, normalised, drop, read);
    Window window = Window.square(kernel, 1, kernel / 2);
    return add(
        new ConvolutionOp(
            this, name, read, prologue, weight, bias, window, residual, Activation.NONE));
  }

  /** A value within an op. */
  Value between(String name, Shape shape, Value.Storage storage) {
    return new Value(this, values++, name, shape, storage, null, List.of());
  }

  /** {@link #groupNorm} that writes bytes, for inference only. */
  public Value groupNormQuantized(GroupNorm norm, Quantizer quantizer) {
    return add(new GroupNormOp(norm, quantizer));
  }

  /** Activations as bytes; a concatenation becomes one value. For inference only. */
  public Value quantize(String name, Value x, Quantizer quantizer) {
    return add(new QuantizeOp(name, x, quantizer));
  }

  /**
   * A convolution of bytes with signed bytes, for inference only.
   *
   * @param x bytes
   * @param quantizer what made them
   * @param weight OIHW, integers in -127..127
   * @param weightScale one float per output channel
   * @param residual added to the result, or null
   */
  public Value quantizedConvolution(
      String name,
      Value x,
      Quantizer quantizer,
      Parameter weight,
      Parameter weightScale,
      Parameter bias,
      Window window,
      Value residual) {
    return add(
        new QuantizedConvolutionOp(
            name, x, quantizer, weight, weightScale, bias, window, residual));
  }

  public Value activation(String name, Value x, Activation activation) {
    return add(new ActivationOp(name, single(x), activation));
  }

  /** {@code a f(b)}, a the first half of the channels and b the second: GEGLU where f is GELU. */
  public Value glu(String name, Value x, Activation activation) {
    return add(new GluOp(name, single(x), activation));
  }

  /** Layer normalisation over the channels of each pixel, or token; eps is added to a variance. */
  public Value layerNorm(String name, Value x, Parameter weight, Parameter bias, float eps) {
    return add(new LayerNormOp(name, single(x), weight, bias, eps));
  }

  /**
   * Self-attention on a qkv projection; the output has a third of its channels.
   *
   * @param newOrder channels of qkv are (q/k/v, head, channel) instead of (head, q/k/v, channel)
   */
  public Value attention(String name, Value qkv, int heads, boolean newOrder) {
    Heads q = Heads.ofQkv(qkv, heads, newOrder, 0);
    Heads k = Heads.ofQkv(qkv, heads, newOrder, 1);
    Heads v = Heads.ofQkv(qkv, heads, newOrder, 2);
    return add(new AttentionOp(name, q, k, v, heads, AttentionMask.NONE));
  }

  /**
   * Attention of the tokens of {@code q} to those of {@code k}, softmax(q k^T / sqrt(d)) v per
   * head; heads lie side by side. Parts of one product may be given as its slices.
   */
  public Value attention(String name, Slice q, Slice k, Slice v, int heads, AttentionMask mask) {
    return add(
        new AttentionOp(
            name, Heads.of(q, heads), Heads.of(k, heads), Heads.of(v, heads), heads, mask));
  }

  /** Nearest-neighbour x2. */
  public Value upsample2(String name, Value x) {
    return add(ResampleOp.up(name, single(x)));
  }

  /** Nearest-neighbour x2, without the last row or column where an odd size is wanted. */
  public Value upsample2(String name, Value x, int height, int width) {
    Value large = upsample2(name, x);
    if (height < large.shape().height() - 1 || width < large.shape().width() - 1) {
      throw new IllegalArgumentException(
          name + ": " + height + "x" + width + " is less than twice the size of " + x);
    }
    Shape size = large.shape();
    return size.height() == height && size.width() == width
        ? large
        : add(new CropOp(name + " crop", large, height, width));
  }

  /** 2x2 mean. */
  public Value downsample2(String name, Value x) {
    return add(ResampleOp.down(name, single(x)));
  }

  /** Sinusoidal embedding of {@code scale * x}: cosines, then sines (period up to 10000). */
  public Value sinusoid(String name, Value x, double scale, int dimension) {
    return add(new SinusoidOp(name, x, scale, dimension, false));
  }

  /**
   * Sinusoidal embedding of {@code scale * x} as consistency models have it for guidance strengths:
   * sines, then cosines, and the last period is 10000.
   */
  public Value guidanceSinusoid(String name, Value x, double scale, int dimension) {
    return add(new SinusoidOp(name, x, scale, dimension, true));
  }

  /** The rows of a table that labels or tokens name, float32. */
  public Value embedding(String name, Parameter table, Value ids) {
    return add(new EmbeddingOp(name, table, ids));
  }

  /** {@code base + table[labels]}. */
  public Value addEmbedding(String name, Value base, Parameter table, Value labels) {
    return add(name, base, embedding(name + " rows", table, labels));
  }

  /** Adds a table with one row per pixel, or token, to every sample. */
  public Value positions(String name, Value x, Parameter table) {
    return add(new PositionOp(name, single(x), table));
  }

  /** One pixel, or token, of each sample: that which {@code index} names. */
  public Value gather(String name, Value x, Value index) {
    return add(new GatherOp(name, single(x), index));
  }

  /** The pixels, or tokens, of {@code a} before those of {@code b}: one sequence. */
  public Value join(String name, Value a, Value b) {
    return add(new JoinOp(name, single(a), single(b)));
  }

  /** The numbers of the rows of a codebook that are nearest to the pixels, for inference only. */
  public Value nearest(String name, Value x, Parameter codebook) {
    return add(new NearestOp(name, single(x), codebook));
  }

  /**
   * A latent of an encoder's Gaussian: {@code mean + deviation noise}. A backward pass adds the
   * gradient of {@code weight} times the batch's mean divergence from the normal distribution; that
   * of each sample is the value {@code divergence}.
   */
  public Value posterior(String name, Value moments, Value noise, float weight, String divergence) {
    Value sum = name(divergence, between(divergence, Shape.vector(1), Value.Storage.F32));
    return add(new PosteriorOp(name, moments, noise, weight, sum));
  }

  public Value add(String name, Value a, Value b) {
    return add(new AddOp(name, a, b));
  }

  /** Adds a vector per sample and channel to an image. */
  public Value addPerChannel(String name, Value x, Slice e) {
    return add(new AddPerChannelOp(name, x, e));
  }

  /** Inverted dropout in training, nothing in inference. {@code layer} keys its random numbers. */
  public Value dropout(String name, Value x, float probability, int layer) {
    return probability == 0 ? x : add(new DropoutOp(x, new Dropout(name, probability, layer)));
  }

  /** Values side by side along channels, without copying. */
  public Value concatenate(Value... parts) {
    Shape shape = parts[0].shape();
    int channels = 0;
    for (Value part : parts) {
      if (part.isConcatenation()) {
        throw new IllegalArgumentException("a concatenation of a concatenation is not supported");
      }
      if (shape.height() != part.shape().height() || shape.width() != part.shape().width()) {
        throw new IllegalArgumentException("cannot concatenate " + parts[0] + " and " + part);
      }
      channels += part.shape().channels();
    }
    return new Value(
        this,
        values++,
        Arrays.stream(parts).map(Value::name).collect(Collectors.joining("|")),
        new Shape(shape.height(), shape.width(), channels),
        parts[0].storage(),
        null,
        List.of(parts));
  }

  /** A plain value with the same contents: itself, or a copy of a concatenation. */
  public Value single(Value x) {
    return x.isConcatenation() ? add(new ConcatenateOp(x.name(), x)) : x;
  }

  /** Float32 to the plan's activation type. */
  public Value toActivation(Value x) {
    return add(new CastOp(x.name() + " cast", x, Value.Storage.ACTIVATION));
  }

  /** The plan's activation type to float32. */
  public Value toFloat(Value x) {
    return add(new CastOp(x.name() + " cast", x, Value.Storage.F32));
  }

  /** Begins a block of ops, and ends the one before it: {@link PlanOptions#recomputes}. */
  public void cut() {
    cuts.add(ops.size());
  }

  private Value add(Op op) {
    Value output =
        new Value(this, values++, op.label(), op.outputShape(), op.outputStorage(), op, List.of());
    op.setOutput(output);
    ops.add(op);
    return output;
  }

  // ---- Names and reading ------------------------------------------------------------------------

  /** Gives a value a name under which a plan finds it. */
  public Value name(String name, Value value) {
    if (named.putIfAbsent(name, value) != null) {
      throw new IllegalArgumentException("value " + name + " is named twice");
    }
    return value;
  }

  public Value named(String name) {
    Value value = named.get(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "no value named " + name + "; there are " + named.keySet());
    }
    return value;
  }

  /** The names that begin with a text, in the order in which they were given. */
  public List<String> names(String beginning) {
    return named.keySet().stream().filter(name -> name.startsWith(beginning)).toList();
  }

  public List<Value> inputs() {
    return Collections.unmodifiableList(inputs);
  }

  List<Integer> cuts() {
    return cuts;
  }

  List<Value> conditions() {
    return conditions;
  }

  public List<Op> ops() {
    return Collections.unmodifiableList(ops);
  }

  /** All parameters by checkpoint name, in declaration order. */
  public Map<String, Parameter> parameters() {
    return parameters.byName();
  }

  /** Floats of the parameter slab, alignment gaps included. */
  public long parameterFloats() {
    return parameters.floats();
  }

  /** Trainable numbers. */
  public long parameterCount() {
    return parameters.count();
  }

  int valueCount() {
    return values;
  }
}
