package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.fixtures.GraphRun;
import org.junit.jupiter.api.Test;

/**
 * Four networks whose weights and inputs are hashes of names, against numbers that CompVis' code
 * gave in double: section 9.2 of the specification.
 */
class KnownUNetsTest {
  private static final int BATCH = 2;
  private static final int HEIGHT = 16;
  private static final int WIDTH = 8;
  private static final double INPUT_SCALE = 1.7;

  /** Relative to the norm of what a number belongs to; the numbers are rounded to 1e-6. */
  private static final double OUTPUT = 2e-5;

  private static final double GRADIENT = 1e-4;

  private static final List<String> GRADIENTS =
      List.of(
          "conv_in.weight",
          "time_embedding.linear_1.weight",
          "down_blocks.1.resnets.0.time_emb_proj.weight",
          "down_blocks.1.attentions.0.norm.weight",
          "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight",
          "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
          "down_blocks.1.attentions.0.transformer_blocks.0.norm2.weight",
          "down_blocks.1.attentions.0.transformer_blocks.0.ff.net.0.proj.weight",
          "up_blocks.1.upsamplers.0.conv.weight",
          "up_blocks.0.resnets.1.conv_shortcut.weight",
          "mid_block.attentions.0.proj_in.weight");

  /**
   * What is known of a network.
   *
   * @param out sum, sum of magnitudes, the first four, the last two
   * @param inputs sum and norm of the gradients of x and of the context
   * @param all norm of the gradients of all parameters but cond_proj
   * @param gradients their norms, in the order of {@link #GRADIENTS}
   */
  private record Known(
      int tensors,
      long parameters,
      double[] out,
      double[] inputs,
      double all,
      double[] gradients) {}

  private static double[] numbers(double... values) {
    return values;
  }

  private static final double[] FIRST_GRADIENTS =
      numbers(
          89.764418,
          19.154004,
          10.888214,
          4.299897,
          11.380160,
          9.022652,
          1.945331,
          32.308542,
          296.743870,
          45.758790,
          9.118209);

  @Test
  void likeStableDiffusion1() {
    check(
        TinyUNets.first(0),
        5,
        new Known(
            494,
            8_526_276,
            numbers(-9.950951, 472.192461, .565102, .489229, .577162, .733853, -.091031, .064356),
            numbers(-11.701642, 14.133220, -15.411815, 9.992550),
            771.524313,
            FIRST_GRADIENTS));
  }

  @Test
  void likeStableDiffusion2() {
    check(
        TinyUNets.second(),
        5,
        new Known(
            494,
            8_561_092,
            numbers(-120.567107, 445.802758, .711691, .952436, .145221, .076816, -.288863, .448302),
            numbers(-24.118692, 14.361108, -5.121369, 10.900858),
            758.009310,
            numbers(
                84.504406,
                18.174720,
                10.216877,
                4.351132,
                12.239533,
                10.699647,
                1.581028,
                32.440933,
                279.538091,
                45.230225,
                10.486532)));
  }

  @Test
  void likeTheClassConditionalNetwork() {
    check(
        TinyUNets.third(),
        1,
        new Known(
            496,
            15_677_955,
            numbers(62.557405, 358.814034, -.020098, .740330, .999411, .880517, .118220, -.060535),
            numbers(-8.713074, 9.914232, 4.753461, 5.200948),
            656.450650,
            numbers(
                48.856246,
                17.501546,
                12.227977,
                3.989275,
                11.566652,
                0,
                0,
                32.158343,
                237.749808,
                78.742995,
                12.526622)));
  }

  @Test
  void withGuidance() {
    check(
        TinyUNets.first(32),
        5,
        new Known(
            495,
            8_526_276 + 2048,
            numbers(-6.537190, 471.642181, .593383, .576017, .657605, .775822, -.203126, .033247),
            numbers(-18.966925, 14.031954, -15.309896, 9.796638),
            764.881609,
            numbers(
                87.959446,
                26.747255,
                15.219106,
                4.400636,
                10.585159,
                9.374074,
                1.952345,
                31.965669,
                295.858730,
                45.022357,
                8.857577)));
  }

  private static double[] hashes(String name, int count, double scale) {
    return IntStream.range(0, count)
        .mapToDouble(i -> scale * HashedTensors.hash(name, i))
        .toArray();
  }

  private static void check(UNetDescription network, int tokens, Known known) {
    assertEquals(known.tensors(), network.shapes().size());
    assertEquals(known.parameters(), network.parameters());
    LatentUNetConfig config = new LatentUNetConfig(network, HEIGHT, WIDTH, tokens);
    int count = BATCH * network.inChannels() * HEIGHT * WIDTH;
    try (HashedTensors tensors = new HashedTensors(network);
        GraphRun run = new GraphRun(config.graph(), BATCH, Set.of("x", "context"), Set.of())) {
      assertEquals(network.shapes().keySet(), run.parameters());
      for (String name : run.parameters()) {
        run.weight(name, tensors.find(name).orElseThrow().doubles());
      }
      run.input("x", hashes("x", count, INPUT_SCALE));
      run.tokens("context", hashes("context", BATCH * tokens * network.context(), INPUT_SCALE));
      run.input("t", 999, 250.5);
      if (config.isGuided()) {
        run.input("w", 6.5, 1);
      }
      run.forward();
      compareOutput(known.out(), run.value("out"));
      compareOutput(known.out(), run.inferenceOutput());
      run.backward(hashes("r", count, 1));
      compareGradients(known, run);
    }
  }

  private static void compareOutput(double[] known, double[] out) {
    double magnitude = Arrays.stream(out).map(Math::abs).sum();
    double each = OUTPUT * magnitude / out.length;
    assertEquals(known[0], Arrays.stream(out).sum(), OUTPUT * magnitude, "sum");
    assertEquals(known[1], magnitude, OUTPUT * magnitude, "sum of magnitudes");
    for (int i = 0; i < 4; i++) {
      assertEquals(known[2 + i], out[i], each + 1e-6, "number " + i);
    }
    for (int i = 0; i < 2; i++) {
      assertEquals(known[6 + i], out[out.length - 2 + i], each + 1e-6, "last numbers");
    }
  }

  private static void compareGradients(Known known, GraphRun run) {
    int at = 0;
    for (double[] gradient : List.of(run.inputGradient("x"), run.tokenGradient("context"))) {
      double norm = norm(gradient);
      double magnitude = Arrays.stream(gradient).map(Math::abs).sum();
      assertEquals(known.inputs()[at++], Arrays.stream(gradient).sum(), GRADIENT * magnitude);
      assertEquals(known.inputs()[at++], norm, GRADIENT * norm);
    }
    Map<String, Double> norms = new LinkedHashMap<>();
    run.parameters().forEach(name -> norms.put(name, norm(run.gradient(name))));
    double all =
        Math.sqrt(
            norms.entrySet().stream()
                .filter(entry -> !entry.getKey().contains("cond_proj"))
                .mapToDouble(entry -> entry.getValue() * entry.getValue())
                .sum());
    assertEquals(known.all(), all, GRADIENT * all, "all parameters");
    for (int i = 0; i < GRADIENTS.size(); i++) {
      double expected = known.gradients()[i];
      assertEquals(expected, norms.get(GRADIENTS.get(i)), GRADIENT * expected, GRADIENTS.get(i));
    }
  }

  private static double norm(double[] values) {
    return Math.sqrt(Arrays.stream(values).map(value -> value * value).sum());
  }
}
