package org.halfstep.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.halfstep.device.Device;
import org.halfstep.files.DataException;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.Graph;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.WeightUse;
import org.halfstep.graph.Weights;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.Tensors;

/**
 * An architecture with a card and with weights on a device. Its files are safetensors ({@link
 * NetworkFormat}) with tensors under the parameters' names; from files of other programs it takes
 * its weights by {@link TensorNames}. An int8 network's tensors are those of {@link
 * QuantizedTensors}.
 *
 * @param <A> what it computes
 * @param <C> what is said of it
 */
public final class Network<A extends Architecture, C extends Card> implements Trainable {
  /** Stands for {@link #defaultMemory} where bytes for packed weights are asked for. */
  public static final long DEFAULT_MEMORY = WeightUse.USUAL_MEMORY;

  private static final long LEAST_MEMORY = 384L << 20;
  private static final double FILE_MULTIPLE = 1.6;

  private final Device device;
  private final A architecture;
  private final C card;
  private final Quantization quantization;
  private final Graph graph;
  private final Weights values;

  /** Null when the weights are frozen. */
  private final ParameterSlab weights;

  /** With memory for weights that training may change; they are zero. */
  private Network(Device device, A architecture, C card, Quantization quantization, Graph graph) {
    this.device = device;
    this.architecture = architecture;
    this.card = card;
    this.quantization = quantization;
    this.graph = graph;
    this.weights = new ParameterSlab(device, graph, architecture.format().noun() + " weights");
    this.values = weights;
  }

  private Network(
      Device device,
      A architecture,
      C card,
      Quantization quantization,
      Graph graph,
      FrozenWeights frozen) {
    this.device = device;
    this.architecture = architecture;
    this.card = card;
    this.quantization = quantization;
    this.graph = graph;
    this.weights = null;
    this.values = frozen;
  }

  // ---- Making one

  /** A freshly initialised network; the same seed gives the same weights on any machine. */
  public static <A extends Architecture, C extends Card> Network<A, C> fresh(
      Device device, A architecture, C card, long seed) {
    Network<A, C> network = new Network<>(device, architecture, card, null, architecture.graph());
    Initialization.fill(network.weights, seed);
    return network;
  }

  /**
   * A network with the weights of another one: all that both have, zero (or one) for what is new.
   */
  public static <A extends Architecture, C extends Card> Network<A, C> like(
      Device device, A architecture, C card, Network<?, ?> source) {
    return like(device, architecture, card, source, null);
  }

  /**
   * The same where a table may have rows that the other network's has not: these are zero.
   *
   * @param table name of its parameter; null for none
   */
  public static <A extends Architecture, C extends Card> Network<A, C> like(
      Device device, A architecture, C card, Network<?, ?> source, String table) {
    if (source.isQuantized()) {
      throw new IllegalArgumentException(
          "an int8 network cannot be trained or distilled: use the float32 model that it was made"
              + " from");
    }
    Network<A, C> network = new Network<>(device, architecture, card, null, architecture.graph());
    try {
      CopiedParameters.fill(network.weights, source.values, table);
      return network;
    } catch (RuntimeException failure) {
      network.close();
      throw failure;
    }
  }

  /** The same network, copied, with another card. */
  public Network<A, C> withCard(UnaryOperator<C> change) {
    return like(device, architecture, change.apply(card), this);
  }

  /**
   * An int8 network with the weights of a float32 one.
   *
   * @param layers scales of each of the architecture's {@link Architecture#int8Layers}
   */
  public static <A extends Architecture, C extends Card> Network<A, C> quantized(
      Network<A, C> source, Quantization quantization, Map<String, LayerScales> layers) {
    if (source.isQuantized()) {
      throw new IllegalArgumentException("the network is int8 already");
    }
    Network<A, C> network =
        new Network<>(
            source.device,
            source.architecture,
            source.card,
            quantization,
            source.architecture.int8Graph());
    try {
      RoundedParameters rounded = new RoundedParameters(source.values, network.graph, layers);
      network
          .graph
          .parameters()
          .values()
          .forEach(each -> CopiedParameters.copy(rounded, each, network.weights));
      return network;
    } catch (RuntimeException failure) {
      network.close();
      throw failure;
    }
  }

  // ---- Reading

  /**
   * Reads a file of ours into memory that training may change.
   *
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static <A extends Architecture, C extends Card> Network<A, C> load(
      Device device, NetworkFormat<A, C> format, Path path) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      NetworkFormat.Description<A, C> said = format.read(file);
      return load(
          device, said.architecture(), said.card(), said.quantization(), file, TensorNames.OWN);
    }
  }

  /**
   * A network with weights from tensors that say nothing of it, in memory that training may change.
   *
   * @param tensors copied, and stay the caller's
   * @param names where each parameter is among them
   * @throws IOException with one line naming their origin and what is wrong with them
   */
  public static <A extends Architecture, C extends Card> Network<A, C> load(
      Device device, A architecture, C card, Tensors tensors, TensorNames names)
      throws IOException {
    return load(device, architecture, card, null, tensors, names);
  }

  private static <A extends Architecture, C extends Card> Network<A, C> load(
      Device device,
      A architecture,
      C card,
      Quantization quantization,
      Tensors tensors,
      TensorNames names)
      throws IOException {
    Graph graph = graph(architecture, quantization, tensors);
    StoredParameters stored = StoredParameters.of(graph, tensors, names).requireNumbers();
    Network<A, C> network = new Network<>(device, architecture, card, quantization, graph);
    try {
      stored.fill(network.weights);
      return network;
    } catch (RuntimeException failure) {
      network.close();
      throw failure;
    }
  }

  /**
   * Opens a file of ours for inference: it stays mapped, weights are packed from it when a plan
   * first needs them, and all plans share them ({@link FrozenWeights}).
   *
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static <A extends Architecture, C extends Card> Network<A, C> open(
      Device device, NetworkFormat<A, C> format, Path path) throws IOException {
    return open(device, format, path, DEFAULT_MEMORY);
  }

  /**
   * Opens a file of ours for inference.
   *
   * @param memory bytes that packed weights may take, or {@link #DEFAULT_MEMORY}; less memory means
   *     slower convolutions, and where even the smallest ones take more, those are used
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static <A extends Architecture, C extends Card> Network<A, C> open(
      Device device, NetworkFormat<A, C> format, Path path, long memory) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      NetworkFormat.Description<A, C> said = format.read(file);
      return opened(
          device,
          said.architecture(),
          said.card(),
          said.quantization(),
          file,
          TensorNames.OWN,
          WeightUse.within(memory));
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
  }

  /**
   * Opens for inference a network whose weights are among tensors that say nothing of it.
   *
   * @param tensors closed with the network; or at once, where this fails
   * @param names where each parameter is among them
   * @param memory bytes that packed weights may take, or {@link #DEFAULT_MEMORY}
   * @throws IOException with one line naming their origin and what is wrong with them
   */
  public static <A extends Architecture, C extends Card> Network<A, C> open(
      Device device, A architecture, C card, Tensors tensors, TensorNames names, long memory)
      throws IOException {
    return open(device, architecture, card, null, tensors, names, WeightUse.within(memory));
  }

  /**
   * The same for weights that may be bytes, and for a known number of evaluations.
   *
   * @param quantization how an int8 network was made; null for another one
   * @param tensors closed with the network; or at once, where this fails
   */
  public static <A extends Architecture, C extends Card> Network<A, C> open(
      Device device,
      A architecture,
      C card,
      Quantization quantization,
      Tensors tensors,
      TensorNames names,
      WeightUse use)
      throws IOException {
    try {
      return opened(device, architecture, card, quantization, tensors, names, use);
    } catch (IOException | RuntimeException failure) {
      tensors.close();
      throw failure;
    }
  }

  private static <A extends Architecture, C extends Card> Network<A, C> opened(
      Device device,
      A architecture,
      C card,
      Quantization quantization,
      Tensors tensors,
      TensorNames names,
      WeightUse use)
      throws IOException {
    Graph graph = graph(architecture, quantization, tensors);
    StoredParameters stored = StoredParameters.of(graph, tensors, names).requireNumbers();
    long limit = use.memory() == DEFAULT_MEMORY ? defaultMemory(stored.bytes()) : use.memory();
    return new Network<>(
        device,
        architecture,
        card,
        quantization,
        graph,
        new FrozenWeights(device, graph, stored, new WeightUse(limit, use.evaluations())));
  }

  /**
   * What packed weights may take where nobody says: 1.6 times the stored bytes, 384 MiB at least.
   */
  public static long defaultMemory(long stored) {
    return Math.max(LEAST_MEMORY, (long) (FILE_MULTIPLE * stored));
  }

  /**
   * The graph, if the tensors can be a network's of this shape: a few numbers can describe one of
   * any size, the tensors cannot, since the file has them.
   */
  private static Graph graph(Architecture architecture, Quantization quantization, Tensors tensors)
      throws IOException {
    if (architecture.leastTensors() > tensors.names().size()) {
      throw new DataException(
          tensors.origin(),
          "describes a network of at least "
              + architecture.leastTensors()
              + " tensors, but has "
              + tensors.names().size()
              + "; the file is damaged");
    }
    try {
      return quantization == null ? architecture.graph() : architecture.int8Graph();
    } catch (IllegalArgumentException | ArithmeticException impossible) {
      throw new DataException(tensors.origin(), "describes no network: " + impossible.getMessage());
    }
  }

  // ---- Writing

  /** Writes the weights with a card of the caller's choice; float32, float16 or bfloat16. */
  public void save(Path path, C newCard, Dtype dtype) throws IOException {
    save(path, newCard, dtype, values);
  }

  /** Writes other weights of the same network, such as a moving average. */
  public void save(Path path, C newCard, Dtype dtype, Weights numbers) throws IOException {
    ParameterFile.write(
        path,
        graph,
        numbers::copy,
        dtype,
        NetworkFormat.metadata(architecture, newCard, quantization));
  }

  /**
   * Writes the int8 form of a float32 network, weight by weight.
   *
   * @param newCard as the architecture's format reads it
   * @param how it was measured
   * @param layers scales of each of the architecture's {@link Architecture#int8Layers}
   */
  public void saveQuantized(
      Path path, Card newCard, Quantization how, Map<String, LayerScales> layers)
      throws IOException {
    Graph int8 = architecture.int8Graph();
    ParameterFile.write(
        path,
        int8,
        new RoundedParameters(values, int8, layers),
        Dtype.F32,
        NetworkFormat.metadata(architecture, newCard, how));
  }

  @Override
  public void save(Path path, ParameterSlab numbers) throws IOException {
    save(path, card, Dtype.F32, numbers);
  }

  @Override
  public void restore(Path path, ParameterSlab numbers) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      if (!architecture.format().read(file).architecture().equals(architecture)) {
        throw new DataException(
            path, "holds a " + architecture.format().noun() + " of another shape than the run's");
      }
      StoredParameters.of(graph, file, TensorNames.OWN)
          .requireExact()
          .requireNumbers()
          .fill(numbers);
    }
  }

  // ---- Asking

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

  public A architecture() {
    return architecture;
  }

  public C card() {
    return card;
  }

  public Graph graph() {
    return graph;
  }

  /**
   * The graph of the same network for inputs of other sizes, for plans over this network's weights:
   * in int8 where this one is.
   *
   * @param sized with the same parameters
   */
  public Graph graph(A sized) {
    if (sized.equals(architecture)) {
      return graph;
    }
    return isQuantized() ? sized.int8Graph() : sized.graph();
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
