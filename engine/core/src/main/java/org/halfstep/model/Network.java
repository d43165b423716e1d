package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.halfstep.device.Device;
import org.halfstep.files.DataException;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Weights;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;

/**
 * A UNet with its weights on a device. Files are safetensors: tensors under the names of the public
 * ADM checkpoints, the configuration as JSON under "config" and the card under "card" in the
 * metadata. An int8 network's file also says how it was made, under "quantization"; its tensors are
 * those of {@link QuantizedTensors}.
 */
public final class Network implements Trainable {
  private static final String CONFIG_KEY = "config";
  private static final String CARD_KEY = "card";
  private static final String QUANTIZATION_KEY = "quantization";
  private static final String FORMAT_KEY = "format";
  private static final String FORMAT = "halfstep-unet-1";
  private static final long LEAST_MEMORY = 384L << 20;
  private static final double FILE_MULTIPLE = 1.6;

  private final Device device;
  private final UNetConfig config;
  private final ModelCard card;
  private final Quantization quantization;
  private final Graph graph;
  private final Weights values;

  /** Null when the weights are frozen. */
  private final ParameterSlab weights;

  private Network(Device device, UNetConfig config, ModelCard card, Quantization quantization) {
    this.device = device;
    this.config = config;
    this.card = card;
    this.quantization = quantization;
    this.graph = graph(config, quantization);
    this.weights = new ParameterSlab(device, graph, "weights");
    this.values = weights;
  }

  private Network(Device device, Description description, Graph graph, FrozenWeights frozen) {
    this.device = device;
    this.config = description.config;
    this.card = description.card;
    this.quantization = description.quantization;
    this.graph = graph;
    this.weights = null;
    this.values = frozen;
  }

  private static Graph graph(UNetConfig config, Quantization quantization) {
    return quantization == null ? UNet.build(config) : UNet.buildQuantized(config);
  }

  /** What a file says of a network beside its tensors. */
  private record Description(UNetConfig config, ModelCard card, Quantization quantization) {
    void requireFit(Map<String, TensorView> tensors, String origin) throws IOException {
      ModelFileCheck.require(config, card, quantization != null, tensors, origin);
    }
  }

  /** A freshly initialised network; the same seed gives the same weights on any machine. */
  public static Network fresh(Device device, UNetConfig config, ModelCard card, long seed) {
    Network network = new Network(device, config, card, null);
    ParameterFile.initialize(network.weights, seed);
    return network;
  }

  /**
   * A network with the weights of another one: all that both have, zero (or one) for what is new.
   */
  public static Network like(Device device, UNetConfig config, ModelCard card, Network source) {
    if (source.isQuantized()) {
      throw new IllegalArgumentException(
          "an int8 network cannot be trained or distilled: use the float32 model that it was made"
              + " from");
    }
    Network network = new Network(device, config, card, null);
    for (Parameter parameter : network.graph.parameters().values()) {
      Parameter known = source.graph.parameters().get(parameter.name());
      if (known == null) {
        network.weights.set(parameter, ParameterFile.initialValues(parameter, 0));
      } else if (!known.shape().equals(parameter.shape())) {
        network.close();
        throw new IllegalArgumentException(
            parameter + " cannot take the values of " + known + ": the shapes differ");
      } else {
        copy(source, known, network, parameter);
      }
    }
    return network;
  }

  /**
   * An int8 network with the weights of a float32 one.
   *
   * @param layers scales of each of {@link #quantizedLayers}
   */
  public static Network quantized(
      Network source, Quantization quantization, Map<String, LayerScales> layers) {
    if (source.isQuantized()) {
      throw new IllegalArgumentException("the network is int8 already");
    }
    Network network = new Network(source.device, source.config, source.card, quantization);
    try {
      for (Parameter parameter : network.graph.parameters().values()) {
        Parameter known = source.graph.parameters().get(parameter.name());
        if (known != null) {
          copy(source, known, network, parameter);
        }
      }
      for (String layer : source.quantizedLayers().keySet()) {
        if (!layers.containsKey(layer)) {
          throw new IllegalArgumentException("there are no scales for layer " + layer);
        }
        network.setLayer(layer, layers.get(layer));
      }
      return network;
    } catch (RuntimeException failure) {
      network.close();
      throw failure;
    }
  }

  private static void copy(Network source, Parameter known, Network target, Parameter parameter) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate(Float.BYTES * known.size(), Float.BYTES);
      source.values.copy(known, numbers);
      target.weights.set(parameter, numbers);
    }
  }

  /** Rounds a layer's weights, which are those of a float32 network, and sets its scales. */
  private void setLayer(String layer, LayerScales scales) {
    Parameter weight = graph.parameters().get(layer + QuantizedTensors.WEIGHT);
    float[] values = weights.get(weight);
    float[] perChannel = scales.weights();
    int perOutput = values.length / perChannel.length;
    for (int i = 0; i < values.length; i++) {
      values[i] = LayerScales.weightByte(values[i], perChannel[i / perOutput]);
    }
    weights.set(weight, values);
    set(layer + QuantizedTensors.WEIGHT_SCALE, perChannel);
    set(layer + QuantizedTensors.INPUT_SCALE, scales.input());
    set(layer + QuantizedTensors.INPUT_ZERO_POINT, scales.zeroPoint());
  }

  private void set(String name, float... values) {
    weights.set(graph.parameters().get(name), values);
  }

  /**
   * The convolutions that are int8 in a quantized network of this shape, each with the named values
   * of {@link #calibrationGraph} that it reads: one, or the two of a concatenation.
   */
  public Map<String, List<String>> quantizedLayers() {
    return UNet.quantizedLayers(config);
  }

  /**
   * A float32 network's graph for measuring what its convolutions read; it takes this network's
   * weights.
   */
  public Graph calibrationGraph() {
    return UNet.buildSeparate(config);
  }

  /**
   * Reads a weights file into memory that training may change.
   *
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static Network load(Device device, Path path) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      Description said = describe(file);
      Map<String, TensorView> tensors = ParameterFile.tensors(file);
      said.requireFit(tensors, path.toString());
      return of(
          new Network(device, said.config, said.card, said.quantization), tensors, path.toString());
    }
  }

  /**
   * Opens a weights file for inference: it stays mapped, weights are packed from it when a plan
   * first needs them, and all plans share them ({@link FrozenWeights}).
   *
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static Network open(Device device, Path path) throws IOException {
    return open(device, path, defaultMemory(path));
  }

  /**
   * Opens a weights file for inference.
   *
   * @param memory bytes that packed weights may take; less memory means slower convolutions, and
   *     where even the smallest ones take more, those are used
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static Network open(Device device, Path path, long memory) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      return open(device, describe(file), file, memory);
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
  }

  /**
   * Opens for inference a file of tensors that says nothing of the network.
   *
   * @param memory bytes that packed weights may take
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static Network open(
      Device device, UNetConfig config, ModelCard card, Path path, long memory) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      return open(device, new Description(config, card, null), file, memory);
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
  }

  /** What packed weights may take where nobody says: 1.6 times the file, 384 MiB at least. */
  public static long defaultMemory(Path path) throws IOException {
    return Math.max(LEAST_MEMORY, (long) (FILE_MULTIPLE * Files.size(path)));
  }

  private static Network open(Device device, Description said, SafetensorsFile file, long memory)
      throws IOException {
    said.requireFit(ParameterFile.tensors(file), file.path().toString());
    Graph graph = graph(said.config, said.quantization);
    MappedParameters source = new MappedParameters(file, graph);
    return new Network(device, said, graph, new FrozenWeights(device, graph, source, memory));
  }

  private static Description describe(SafetensorsFile file) throws IOException {
    Map<String, String> metadata = file.metadata();
    ModelFileCheck.requireFormat(file, FORMAT, "model", CONFIG_KEY, CARD_KEY);
    try {
      return new Description(
          UNetConfig.fromJson(metadata.get(CONFIG_KEY)),
          ModelCard.fromJson(metadata.get(CARD_KEY)),
          metadata.containsKey(QUANTIZATION_KEY)
              ? Quantization.fromJson(metadata.get(QUANTIZATION_KEY))
              : null);
    } catch (IllegalArgumentException e) {
      throw new DataException(file.path(), e.getMessage(), e);
    }
  }

  /**
   * A network from tensors by checkpoint name.
   *
   * @param origin where they come from, for error texts
   */
  public static Network of(
      Device device,
      UNetConfig config,
      ModelCard card,
      Map<String, TensorView> tensors,
      String origin)
      throws IOException {
    return of(new Network(device, config, card, null), tensors, origin);
  }

  private static Network of(Network network, Map<String, TensorView> tensors, String origin)
      throws IOException {
    try {
      ParameterFile.fill(network.weights, tensors, origin);
      return network;
    } catch (IOException | RuntimeException failure) {
      network.close();
      throw failure;
    }
  }

  /** Writes the weights with a card of the caller's choice; float32 or bfloat16. */
  public void save(Path path, ModelCard newCard, Dtype dtype) throws IOException {
    save(path, newCard, dtype, values);
  }

  /** Writes other weights of the same network, such as a moving average. */
  public void save(Path path, ModelCard newCard, Dtype dtype, Weights numbers) throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(FORMAT_KEY, FORMAT);
    metadata.put(CONFIG_KEY, config.toJson());
    metadata.put(CARD_KEY, newCard.toJson());
    if (quantization != null) {
      metadata.put(QUANTIZATION_KEY, quantization.toJson());
    }
    ParameterFile.write(path, numbers, dtype, metadata);
  }

  @Override
  public void save(Path path, ParameterSlab values) throws IOException {
    save(path, card, Dtype.F32, values);
  }

  @Override
  public void restore(Path path, ParameterSlab numbers) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      if (!describe(file).config.equals(config)) {
        throw new IOException(path + ": holds a network of another shape than the run's");
      }
      ParameterFile.fill(numbers, ParameterFile.tensors(file), path.toString());
    }
  }

  /** Applies a change to the card, keeping network and weights. */
  public Network withCard(Function<ModelCard, ModelCard> change) {
    return like(device, config, change.apply(card), this);
  }

  @Override
  public Device device() {
    return device;
  }

  /** Whether convolutions multiply bytes: such a network can be evaluated only. */
  public boolean isQuantized() {
    return quantization != null;
  }

  /** How an int8 network was made; null for a float32 one. */
  public Quantization quantization() {
    return quantization;
  }

  public UNetConfig config() {
    return config;
  }

  public ModelCard card() {
    return card;
  }

  public Graph graph() {
    return graph;
  }

  /**
   * The weights that training changes.
   *
   * @throws IllegalStateException when the network was opened for inference
   */
  @Override
  public ParameterSlab weights() {
    if (weights == null) {
      throw new IllegalStateException(
          "this network was opened for inference and cannot be trained: load it instead");
    }
    return weights;
  }

  /** The weights as a plan for inference reads them, frozen or not. */
  public Weights values() {
    return values;
  }

  @Override
  public void close() {
    values.close();
  }
}
