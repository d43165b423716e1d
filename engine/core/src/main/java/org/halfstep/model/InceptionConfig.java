package org.halfstep.model;

import java.util.List;
import java.util.Map;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;
import org.halfstep.model.TensorPlace.BatchNorm;
import org.halfstep.model.TensorPlace.ScaledByNorm;
import org.halfstep.model.TensorPlace.ShiftOfNorm;
import org.halfstep.model.TensorPlace.Stored;

/**
 * The InceptionV3 that FID is defined on: the 2015 TensorFlow graph, under the names of its usual
 * PyTorch port. It is not the network of Szegedy et al. ("Rethinking the Inception Architecture for
 * Computer Vision", 2015) as later trained: 3x3 mean pools do not count padding, the last block
 * pools with the maximum, and there are 1008 classes.
 *
 * <p>Batch norms are part of the convolutions' weights: parameter {@code NAME.conv.weight} is the
 * convolution's, scaled, and {@code NAME.bias} what is left.
 *
 * <p>Input: RGB in [-1, 1], {@value #SIDE} x {@value #SIDE}. Outputs: {@value #FEATURES} features,
 * and the {@value #CLASSES} logits without the classifier's bias, which is how the Inception Score
 * has been computed from its first program on. Each stage is named as its parameters are; the pools
 * of the stem are {@code pool1} and {@code pool2}.
 */
public record InceptionConfig() implements Architecture {
  /** Files of this network's weights as we write them. */
  public static final NetworkFormat<InceptionConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-inception-1",
          "network of FID",
          json -> Json.parse(InceptionConfig.class, "network of FID", json),
          ComponentCard::fromJson,
          (config, card) -> {});

  /** The card of the public weights. */
  public static final ComponentCard CARD =
      new ComponentCard(
          "InceptionV3 of FID", Map.of("file", "pt_inception-2015-12-05-6726825d.pth"));

  /** Rows and columns of the input. */
  public static final int SIDE = 299;

  /** Features per image. */
  public static final int FEATURES = 2048;

  /** Logits per image. */
  public static final int CLASSES = 1008;

  /** Name of the classifier. */
  static final String CLASSIFIER = "fc";

  /** Ends the name of a convolution. */
  static final String CONVOLUTION = ".conv";

  private static final String KERNEL = CONVOLUTION + ".weight";
  private static final String BIAS = ".bias";
  private static final double EPS = 0.001;

  /**
   * The names of the usual PyTorch port ({@code Mixed_6b.branch7x7_2.conv.weight}, {@code
   * Mixed_6b.branch7x7_2.bn.running_var}, {@code fc.weight}), whose batch norms are folded. Such
   * files have more: another classifier on the way, the classifier's bias, counters.
   */
  public static final TensorNames TORCH_NAMES =
      new TensorNames() {
        @Override
        public String layout() {
          return "the InceptionV3 of FID (pt_inception-2015-12-05-6726825d.pth)";
        }

        @Override
        public List<TensorPlace> places(String parameter) {
          if (parameter.endsWith(KERNEL)) {
            return List.of(new ScaledByNorm(Stored.whole(parameter), norm(parameter, KERNEL)));
          }
          return List.of(
              parameter.endsWith(BIAS)
                  ? new ShiftOfNorm(norm(parameter, BIAS))
                  : Stored.whole(parameter));
        }

        private static BatchNorm norm(String parameter, String end) {
          return new BatchNorm(
              parameter.substring(0, parameter.length() - end.length()) + ".bn", EPS);
        }

        @Override
        public boolean ignores(String tensor) {
          return true;
        }
      };

  @Override
  public NetworkFormat<InceptionConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public void write(Layers layers) {
    Inception.write(layers);
  }

  @Override
  public ExtractorPorts ports(Graph graph) {
    return ExtractorPorts.of(graph);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }
}
