package org.halfstep.graph;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.graph.Parameter.Initializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Gradients of what latent and text networks add to the ops of {@link OpGradientTest}. */
class TokenOpGradientTest {
  private static final int DIRECTIONS = 3;

  private final Graph graph = new Graph();

  private Value image(String name, int height, int width, int channels) {
    return graph.toActivation(graph.image(name, new Shape(height, width, channels)));
  }

  private Parameter weight(String name, Integer... shape) {
    return graph.parameter(name, Initializer.FAN_IN_UNIFORM, shape[shape.length - 1], shape);
  }

  private void check(Value out, int batch) {
    check(out, batch, null);
  }

  /**
   * @param definition what an op is to compute, so that its kernel needs no test of its own; null
   *     for graphs of ops that have theirs
   */
  private void check(Value out, int batch, GradientCheck.Definition definition) {
    graph.name("out", graph.toFloat(out));
    GradientCheck.of(graph, batch, DIRECTIONS, definition);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void activations(Activation activation) {
    check(graph.activation("activation", image("x", 7, 3, 11), activation), 3);
  }

  /** Behind a convolution with everything that precedes an activation. */
  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"NONE", "RELU"})
  void activationBehindAConvolution(Activation activation) {
    Value x = image("x", 6, 5, 9);
    Value residual = image("r", 6, 5, 8);
    Window window = Window.square(3, 1, 1);
    Parameter w = graph.parameter("w", Initializer.FAN_IN_UNIFORM, 81, 8, 9, 3, 3);
    check(graph.convolution("conv", x, w, weight("b", 8), window, residual, activation), 2);
  }

  /** A linear layer of several tokens, by our own product and by the library's. */
  @ParameterizedTest
  @CsvSource({"64, 96", "21, 10"})
  void activationBehindALinearLayer(int in, int out) {
    Value x = graph.concatenate(image("a", 7, 1, in - 5), image("c", 7, 1, 5));
    check(
        graph.convolution(
            "fc1",
            x,
            weight("w", out, in),
            weight("b", out),
            Window.PIXEL,
            null,
            Activation.QUICK_GELU),
        3);
  }

  @ParameterizedTest
  @EnumSource(names = {"GELU", "GELU_TANH", "SILU"})
  void gatedLinearUnits(Activation activation) {
    check(
        graph.glu("glu", image("x", 9, 1, 34), activation),
        3,
        numbers -> {
          double[] x = numbers.get("x");
          double[] y = new double[x.length / 2];
          Arrays.setAll(
              y, i -> x[i / 17 * 34 + i % 17] * gate(activation, x[i / 17 * 34 + 17 + i % 17]));
          return y;
        });
  }

  private static double gate(Activation activation, double x) {
    return switch (activation) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU_TANH ->
          x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))) / 2;
      default -> x * normalProbability(x);
    };
  }

  /** The integral of the normal density from minus infinity, by its series (Marsaglia 2004). */
  private static double normalProbability(double x) {
    double sum = x;
    double term = x;
    for (int n = 3; Math.abs(term) > 1e-17; n += 2) {
      term *= x * x / n;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  @ParameterizedTest
  @CsvSource({
    // height, width, channels, eps
    "5, 3, 33, 1e-5",
    "77, 1, 24, 1e-12",
    "1, 1, 40, 1e-6",
    "16, 4, 64, 1e-5",
  })
  void layerNorm(int height, int width, int channels, float eps) {
    Value x = image("x", height, width, channels);
    check(
        graph.layerNorm("norm", x, weight("w", channels), weight("b", channels), eps),
        3,
        numbers -> normalised(numbers, channels, eps));
  }

  private static double[] normalised(Map<String, double[]> numbers, int channels, double eps) {
    double[] y = numbers.get("x").clone();
    for (int row = 0; row < y.length; row += channels) {
      double[] x = Arrays.copyOfRange(y, row, row + channels);
      double mean = Arrays.stream(x).average().orElseThrow();
      double variance = Arrays.stream(x).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
      for (int c = 0; c < channels; c++) {
        double scaled = (x[c] - mean) / Math.sqrt(variance + eps);
        y[row + c] = scaled * numbers.get("w")[c] + numbers.get("b")[c];
      }
    }
    return y;
  }

  @ParameterizedTest
  @CsvSource({
    // channels, groups, eps
    "6, 2, 1e-6",
    "9, 3, 1e-12",
    "32, 32, 1e-5",
    "36, 4, 1e-6",
  })
  void groupNormOfAnyGroups(int channels, int groups, float eps) {
    Value x = image("x", 4, 7, channels);
    check(
        graph.groupNorm(
            new GroupNorm(
                "norm",
                x,
                weight("w", channels),
                weight("b", channels),
                groups,
                eps,
                null,
                Activation.SILU)),
        2);
  }

  @ParameterizedTest
  @CsvSource({
    // height, width, channels in and out
    "8, 8, 16, 16",
    "7, 5, 3, 6",
    "6, 11, 32, 5",
    "2, 2, 4, 4",
  })
  void convolutionPaddedRightAndBelow(int height, int width, int in, int out) {
    Value x = image("x", height, width, in);
    Parameter w = graph.parameter("w", Initializer.FAN_IN_UNIFORM, in * 9, out, in, 3, 3);
    Window window = Window.squareFromCorner(3, 2, 1);
    check(graph.convolution("conv", x, w, weight("b", out), window, null, Activation.NONE), 3);
  }

  /** Each side padded in its own way, by a window that is not square. */
  @Test
  void convolutionPaddedOnEachSideInItsOwnWay() {
    Value x = image("x", 6, 9, 5);
    Parameter w = graph.parameter("w", Initializer.FAN_IN_UNIFORM, 5 * 8, 7, 5, 4, 2);
    Window window = new Window(4, 2, 3, 2, 1, 0, 1);
    check(graph.convolution("conv", x, w, null, window, null, Activation.NONE), 2);
  }

  /** The divergence's own gradient is no part of what comes out: its weight is 0 here. */
  @ParameterizedTest
  @CsvSource({"4, 3, 4", "1, 1, 1", "16, 16, 4"})
  void latentsThatAreDrawn(int height, int width, int channels) {
    Value moments = graph.image("moments", new Shape(height, width, 2 * channels));
    Value noise = graph.image("noise", new Shape(height, width, channels));
    Parameter w = weight("w", 2 * channels, 2 * channels);
    Value read = graph.linear("moments read", moments, w, null);
    graph.name("out", graph.posterior("posterior", read, noise, 0, "divergence"));
    GradientCheck.of(graph, 3, DIRECTIONS, Set.of("noise"));
  }

  @Test
  void tokensWithTheirPositions() {
    Value ids = graph.tokens("ids", 7);
    Parameter table = graph.parameter("table", Initializer.NORMAL, 1, 5, 33);
    Parameter positions = graph.parameter("positions", Initializer.NORMAL, 1, 7, 33);
    Value x = graph.toActivation(graph.embedding("tokens", table, ids));
    check(graph.activation("f", graph.positions("positions", x, positions), Activation.GELU), 3);
  }

  @Test
  void positionsOfAnImage() {
    Parameter positions = graph.parameter("positions", Initializer.NORMAL, 1, 12, 20);
    check(graph.positions("positions", image("x", 3, 4, 20), positions), 5);
  }

  @Test
  void oneTokenOfEachSequence() {
    check(
        graph.gather("pooled", image("x", 6, 1, 35), graph.labels("index")),
        4,
        numbers -> {
          double[] y = new double[4 * 35];
          Arrays.setAll(
              y,
              i ->
                  numbers
                      .get("x")[(i / 35 * 6 + (int) numbers.get("index")[i / 35]) * 35 + i % 35]);
          return y;
        });
  }

  @Test
  void twoSequencesAsOne() {
    Value token = image("token", 1, 1, 21);
    Value joined = graph.join("join", token, image("x", 3, 2, 21));
    check(graph.join("again", joined, token), 3);
  }

  @Test
  void aTokenOfItsOwnBeforeTheOthers() {
    Parameter first = graph.parameter("first", Initializer.NORMAL, 1, 19);
    Value own = graph.toActivation(graph.embedding("own", first, graph.labels("index")));
    // A second sample's index would be 1, and the table has one row.
    check(graph.join("join", own, image("x", 2, 4, 19)), 1);
  }

  @ParameterizedTest
  @CsvSource({"7, 9", "8, 9", "7, 10", "8, 10"})
  void upsamplingToTheSizeOfASkip(int height, int width) {
    check(graph.upsample2("up", image("x", 4, 5, 6), height, width), 2);
  }

  /** The last reader writes the gradient of x first; every other one has to add to it. */
  @Test
  void oneValueReadByEveryKindOfOp() {
    Value x = image("x", 4, 6, 24);
    Value index = graph.labels("index");
    Value sum = graph.gather("pooled", x, index);
    List<Value> readers =
        List.of(
            graph.activation("gelu", x, Activation.GELU),
            graph.glu("glu", x, Activation.SILU),
            graph.layerNorm("norm", x, weight("nw", 24), weight("nb", 24), 1e-5f),
            graph.positions("positions", x, weight("table", 24, 24)),
            graph.upsample2("up", graph.downsample2("down", x), 3, 5),
            graph.convolution(
                "conv",
                x,
                weight("cw", 8, 24),
                weight("cb", 8),
                Window.PIXEL,
                null,
                Activation.GELU_TANH));
    for (int i = 0; i < readers.size(); i++) {
      Value one = graph.gather("gathered " + i, readers.get(i), index);
      sum = i == 0 ? joined("start", sum, one) : joined("join " + i, sum, one);
    }
    check(sum, 3);
  }

  private Value joined(String name, Value a, Value b) {
    Value both = graph.concatenate(a, b);
    return graph.linear(name, both, weight(name + ".w", 24, both.shape().channels()), null);
  }
}
