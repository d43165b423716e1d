package org.halfstep.model;

import org.halfstep.device.Activation;
import org.halfstep.graph.Graph;
import org.halfstep.graph.GroupNorm;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;

/** The classifier of {@link ClassifierConfig}, written in layers. */
final class Classifier {
  private Classifier() {}

  static void write(ClassifierConfig config, Layers layers) {
    Value features = features(config, layers);
    layers.graph().name(ExtractorPorts.OUT, layers.linear("head", features, config.classes()));
  }

  /** The input and all layers but the last. */
  static Value features(ClassifierConfig config, Layers layers) {
    Graph graph = layers.graph();
    int side = config.imageSize();
    Value x = graph.image(ExtractorPorts.X, new Shape(side, side, config.channels()));
    Initializer usual = Initializer.FAN_IN_UNIFORM;
    Value h =
        convolution(
            layers.exact(),
            "stem",
            graph.toActivation(x),
            config.widths().getFirst(),
            1,
            usual,
            null);
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
    return graph.name(ExtractorPorts.FEATURES, graph.toFloat(h));
  }

  private static Value norm(Layers layers, String name, Value x) {
    return layers.groupNorm(name, x, ClassifierConfig.GROUPS, GroupNorm.EPS, Activation.SILU);
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
        name,
        layers.readable(name, x),
        stride,
        initializer,
        residual,
        out,
        x.shape().channels(),
        3,
        3);
  }
}
