package org.halfstep.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.graph.GroupNorm;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;

/**
 * A small convolutional classifier of images with its weights on a device, for data that Inception
 * means little for. Each level halves the image by a convolution of stride 2 and, while pixels are
 * left to mix, refines it by a residual one; group norm and SiLU stand between them. The mean over
 * the last level's pixels are the features, one linear layer makes them logits.
 *
 * <p>Input "x": images in [-1, 1]. Named values: "features", and "out", the logits. Files are
 * safetensors with the configuration under "config" and the card under "card" in the metadata.
 */
public final class Classifier implements Trainable {
  private static final String CONFIG_KEY = "config";
  private static final String CARD_KEY = "card";
  private static final String FORMAT_KEY = "format";
  private static final String FORMAT = "halfstep-classifier-1";

  private final Device device;
  private final ClassifierConfig config;
  private final ClassifierCard card;
  private final Graph graph;
  private final ParameterSlab weights;

  private Classifier(Device device, ClassifierConfig config, ClassifierCard card) {
    this.device = device;
    this.config = config;
    this.card = card;
    this.graph = build(config);
    this.weights = new ParameterSlab(device, graph, "classifier weights");
  }

  /** A freshly initialised classifier; the same seed gives the same weights on any machine. */
  public static Classifier fresh(
      Device device, ClassifierConfig config, ClassifierCard card, long seed) {
    Classifier classifier = new Classifier(device, config, card);
    ParameterFile.initialize(classifier.weights, seed);
    return classifier;
  }

  /**
   * Reads a classifier's file.
   *
   * @throws IOException with one line naming the file and what is wrong with it
   */
  public static Classifier load(Device device, Path path) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      Map<String, String> metadata = file.metadata();
      ModelFileCheck.requireFormat(file, FORMAT, "classifier", CONFIG_KEY, CARD_KEY);
      ClassifierConfig config;
      ClassifierCard card;
      try {
        config = ClassifierConfig.fromJson(metadata.get(CONFIG_KEY));
        card = ClassifierCard.fromJson(metadata.get(CARD_KEY));
      } catch (IllegalArgumentException e) {
        throw new DataException(path, e.getMessage(), e);
      }
      Map<String, TensorView> tensors = ParameterFile.tensors(file);
      ModelFileCheck.require(config, card, tensors, path.toString());
      Classifier classifier = new Classifier(device, config, card);
      try {
        ParameterFile.fill(classifier.weights, tensors, path.toString());
        return classifier;
      } catch (IOException | RuntimeException failure) {
        classifier.close();
        throw failure;
      }
    }
  }

  /** Describes the network. */
  public static Graph build(ClassifierConfig config) {
    Graph graph = new Graph();
    Layers layers = new FusedLayers(graph);
    int side = config.imageSize();
    Value x = graph.image("x", new Shape(side, side, config.channels()));
    Initializer usual = Initializer.FAN_IN_UNIFORM;
    Value h =
        convolution(
            layers, "stem", graph.toActivation(x), config.widths().getFirst(), 1, usual, null);
    for (int level = 1; level < config.widths().size(); level++) {
      int width = config.widths().get(level);
      String name = "levels." + level;
      h = norm(layers, name + ".norm", h);
      h = convolution(layers, name + ".down", h, width, 2, usual, null);
      if (h.shape().pixels() > 16) {
        Value branch = norm(layers, name + ".residual_norm", h);
        h = convolution(layers, name + ".residual", branch, width, 1, Initializer.ZERO, h);
      }
    }
    h = norm(layers, "norm", h);
    for (int halving = 0; h.shape().pixels() > 1; halving++) {
      h = graph.downsample2("mean." + halving, h);
    }
    Value features = graph.name("features", graph.toFloat(h));
    graph.name("out", layers.linear("head", features, config.classes()));
    return graph;
  }

  private static Value norm(Layers layers, String name, Value x) {
    Layers.Normed normed =
        layers.norm(name, name, x, ClassifierConfig.GROUPS, GroupNorm.EPS, null, true);
    return layers.graph().groupNorm(normed.norm());
  }

  private static Value convolution(
      Layers layers,
      String name,
      Value x,
      int out,
      int stride,
      Initializer initializer,
      Value residual) {
    return layers.convolution(
        name, x, stride, initializer, residual, out, x.shape().channels(), 3, 3);
  }

  /** Writes the weights; float32 or bfloat16. */
  public void save(Path path, Dtype dtype) throws IOException {
    save(path, dtype, weights);
  }

  @Override
  public void save(Path path, ParameterSlab values) throws IOException {
    save(path, Dtype.F32, values);
  }

  /** Writes other weights of the same network, such as a moving average. */
  public void save(Path path, Dtype dtype, ParameterSlab values) throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(FORMAT_KEY, FORMAT);
    metadata.put(CONFIG_KEY, config.toJson());
    metadata.put(CARD_KEY, card.toJson());
    ParameterFile.write(path, values, dtype, metadata);
  }

  @Override
  public void restore(Path path, ParameterSlab values) throws IOException {
    try (Classifier saved = load(device, path)) {
      if (!saved.config.equals(config)) {
        throw new IOException(path + ": holds a classifier of another shape than the run's");
      }
      values.copyFrom(saved.weights);
    }
  }

  @Override
  public Device device() {
    return device;
  }

  public ClassifierConfig config() {
    return config;
  }

  public ClassifierCard card() {
    return card;
  }

  public Graph graph() {
    return graph;
  }

  @Override
  public ParameterSlab weights() {
    return weights;
  }

  @Override
  public void close() {
    weights.close();
  }
}
