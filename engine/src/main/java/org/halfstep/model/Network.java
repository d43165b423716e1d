package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.halfstep.device.Device;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;

/**
 * A UNet with its weights on a device. Files are safetensors: tensors under the names of the public
 * ADM checkpoints, the configuration as JSON under "config" and the card under "card" in the
 * metadata.
 */
public final class Network implements AutoCloseable {
  private static final String CONFIG_KEY = "config";
  private static final String CARD_KEY = "card";
  private static final String FORMAT_KEY = "format";
  private static final String FORMAT = "halfstep-unet-1";

  private final Device device;
  private final UNetConfig config;
  private final ModelCard card;
  private final Graph graph;
  private final ParameterSlab weights;

  private Network(Device device, UNetConfig config, ModelCard card) {
    this.device = device;
    this.config = config;
    this.card = card;
    this.graph = UNet.build(config);
    this.weights = new ParameterSlab(device, graph, "weights");
  }

  /** A freshly initialised network; the same seed gives the same weights on any machine. */
  public static Network fresh(Device device, UNetConfig config, ModelCard card, long seed) {
    Network network = new Network(device, config, card);
    int number = 0;
    for (Parameter parameter : network.graph.parameters().values()) {
      network.weights.set(parameter, initialValues(parameter, Philox.childSeed(seed, number++)));
    }
    return network;
  }

  private static float[] initialValues(Parameter parameter, long seed) {
    float[] values = new float[Math.toIntExact(parameter.size())];
    switch (parameter.initializer()) {
      case ZERO -> {}
      case ONE -> Arrays.fill(values, 1);
      case NORMAL -> Philox.normal(seed, 0, 0, values);
      case FAN_IN_UNIFORM -> {
        Philox.uniform(seed, 0, 0, values);
        double bound = 1 / Math.sqrt(parameter.fanIn());
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) ((2 * values[i] - 1) * bound);
        }
      }
    }
    return values;
  }

  /**
   * A network with the weights of another one: all that both have, zero (or one) for what is new.
   */
  public static Network like(Device device, UNetConfig config, ModelCard card, Network source) {
    Network network = new Network(device, config, card);
    for (Parameter parameter : network.graph.parameters().values()) {
      Parameter known = source.graph.parameters().get(parameter.name());
      if (known == null) {
        network.weights.set(parameter, initialValues(parameter, 0));
      } else if (!known.shape().equals(parameter.shape())) {
        network.close();
        throw new IllegalArgumentException(
            parameter + " cannot take the values of " + known + ": the shapes differ");
      } else {
        network.weights.set(parameter, source.weights.get(known));
      }
    }
    return network;
  }

  /**
   * Reads a weights file.
   *
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static Network load(Device device, Path path) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      Map<String, String> metadata = file.metadata();
      if (!metadata.containsKey(CONFIG_KEY) || !metadata.containsKey(CARD_KEY)) {
        throw new IOException(
            path + ": is not a Halfstep model: its metadata has no \"config\" and \"card\"");
      }
      UNetConfig config;
      ModelCard card;
      try {
        config = UNetConfig.fromJson(metadata.get(CONFIG_KEY));
        card = ModelCard.fromJson(metadata.get(CARD_KEY));
      } catch (IllegalArgumentException e) {
        throw new IOException(path + ": " + e.getMessage(), e);
      }
      Map<String, TensorView> tensors = new LinkedHashMap<>();
      for (String name : file.names()) {
        tensors.put(name, file.tensor(name));
      }
      return of(device, config, card, tensors, path.toString());
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
    Network network = new Network(device, config, card);
    try {
      for (String name : tensors.keySet()) {
        if (!network.graph.parameters().containsKey(name)) {
          throw new IOException(
              origin + ": tensor " + name + " is not part of the network it describes");
        }
      }
      for (Parameter parameter : network.graph.parameters().values()) {
        TensorView tensor = tensors.get(parameter.name());
        if (tensor == null) {
          throw new IOException(origin + ": tensor " + parameter.name() + " is missing");
        }
        requireShape(parameter, tensor, origin);
        network.weights.set(parameter, tensor.floats());
      }
      return network;
    } catch (IOException | RuntimeException failure) {
      network.close();
      throw failure;
    }
  }

  private static void requireShape(Parameter parameter, TensorView tensor, String origin)
      throws IOException {
    List<Integer> found = new ArrayList<>();
    for (long extent : tensor.shape()) {
      found.add((int) Math.min(extent, Integer.MAX_VALUE));
    }
    if (!found.equals(parameter.shape())) {
      throw new IOException(
          origin
              + ": tensor "
              + parameter.name()
              + " has shape "
              + found
              + ", expected "
              + parameter.shape());
    }
  }

  /** Writes the weights with a card of the caller's choice; float32 or bfloat16. */
  public void save(Path path, ModelCard newCard, Dtype dtype) throws IOException {
    save(path, newCard, dtype, weights);
  }

  /** Writes other weights of the same network, such as a moving average. */
  public void save(Path path, ModelCard newCard, Dtype dtype, ParameterSlab values)
      throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(FORMAT_KEY, FORMAT);
    metadata.put(CONFIG_KEY, config.toJson());
    metadata.put(CARD_KEY, newCard.toJson());
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsWriter.write(path, tensors(arena, dtype, values), metadata);
    }
  }

  private List<NamedTensor> tensors(Arena arena, Dtype dtype, ParameterSlab values) {
    List<NamedTensor> tensors = new ArrayList<>();
    for (Parameter parameter : graph.parameters().values()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values.get(parameter));
      long[] shape = parameter.shape().stream().mapToLong(Integer::longValue).toArray();
      tensors.add(
          switch (dtype) {
            case F32 -> NamedTensor.f32(parameter.name(), shape, data);
            case BF16 -> NamedTensor.bf16(parameter.name(), shape, data);
            default ->
                throw new IllegalArgumentException(
                    "weights are stored as F32 or BF16, not " + dtype);
          });
    }
    return tensors;
  }

  /** Applies a change to the card, keeping network and weights. */
  public Network withCard(Function<ModelCard, ModelCard> change) {
    return like(device, config, change.apply(card), this);
  }

  public Device device() {
    return device;
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

  public ParameterSlab weights() {
    return weights;
  }

  @Override
  public void close() {
    weights.close();
  }
}
