package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.HeapAllocation;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.Json;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.GradientCheck;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.StepInfo;
import org.halfstep.graph.Value;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Small latent UNets: sizes, phases, files, precision. What they compute is in fixtures. */
class LatentUNetTest {
  private static final ModelCard CARD = ModelCard.teacher("a small one", List.of(), Map.of());
  private static final LatentUNetConfig TEXT =
      new LatentUNetConfig(TinyUNets.smallest(0, 0), 16, 16, 5);
  private static final LatentUNetConfig CLASSES =
      new LatentUNetConfig(TinyUNets.smallest(8, 3), 8, 8, 1);

  /** Relative: what algorithms of convolutions differ by. */
  private static final double SAME = 1e-4;

  private static final double BF16_OUTPUT = 0.03;
  private static final double BF16_GRADIENT = 0.1;

  @TempDir private Path folder;
  private Device device;

  @BeforeEach
  void open() {
    device = new CpuDevice();
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Network<LatentUNetConfig, ModelCard> fresh(LatentUNetConfig config) {
    return Network.fresh(device, config, CARD, 7);
  }

  private Path file(LatentUNetConfig config) throws IOException {
    Path file = folder.resolve("unet.safetensors");
    try (Network<LatentUNetConfig, ModelCard> network = fresh(config)) {
      network.save(file, CARD, Dtype.F16);
    }
    return file;
  }

  private static Plan plan(
      Network<LatentUNetConfig, ModelCard> network, LatentUNetConfig config, int batch) {
    Graph graph = config.equals(network.architecture()) ? network.graph() : config.graph();
    Plan plan =
        Plan.inference(network.device(), graph, PlanOptions.inference(batch), network.values());
    plan.prepare();
    return plan;
  }

  /** Fills every input with numbers of its own. */
  private static void fill(Plan plan) {
    for (Value input : plan.graph().inputs()) {
      int count = (int) plan.count(input);
      if (input.storage() == Value.Storage.I32) {
        int[] labels = new int[count];
        Arrays.setAll(labels, i -> (i + 1) % 3);
        DeviceArrays.writeInts(plan.device(), plan.address(input), labels);
      } else {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
          values[i] =
              input.name().equals("t")
                  ? 100f * (i + 1)
                  : (float) Math.sin(1.3 * i + input.name().length());
        }
        DeviceArrays.write(plan.device(), plan.address(input), values);
      }
    }
  }

  private static float[] forward(Plan plan) {
    plan.forward();
    return DeviceArrays.read(plan.device(), plan.address("out"), (int) plan.count("out"));
  }

  private static float[] evaluate(Plan plan) {
    fill(plan);
    plan.condition();
    return forward(plan);
  }

  private static double error(float[] got, float[] want) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < want.length; i++) {
      difference += Math.pow(got[i] - want[i], 2);
      norm += Math.pow(want[i], 2);
    }
    return Math.sqrt(difference / norm);
  }

  private static List<String> labels(List<StepInfo> steps) {
    return steps.stream().map(StepInfo::label).distinct().toList();
  }

  /** Sides that are not even: on the way up one pixel less than twice as many. */
  @Test
  void gradientsWithGuidanceAtOddSides() {
    GradientCheck.of(new LatentUNetConfig(TinyUNets.smallest(8, 0), 5, 7, 3).graph(), 2, 1);
  }

  @Test
  void oneSetOfPackedWeightsServesManySizes() throws IOException {
    Path file = file(TEXT);
    LatentUNetConfig wide = TEXT.withSize(24, 32, 9);
    float[] expected;
    try (Network<LatentUNetConfig, ModelCard> loaded =
            Network.load(device, LatentUNetConfig.FORMAT, file);
        Plan plan = plan(loaded, wide, 1)) {
      expected = evaluate(plan);
    }
    try (Network<LatentUNetConfig, ModelCard> opened =
            Network.open(device, LatentUNetConfig.FORMAT, file);
        Plan first = plan(opened, TEXT, 1)) {
      FrozenWeights weights = (FrozenWeights) opened.values();
      long packed = weights.packedBytes();
      long resident = weights.residentBytes();
      assertTrue(packed > 0);
      float[] before = evaluate(first);
      try (Plan second = plan(opened, wide, 1);
          Plan third = plan(opened, wide.withSize(15, 18, 3), 2)) {
        assertEquals(packed, weights.packedBytes());
        assertEquals(resident, weights.residentBytes());
        assertTrue(error(evaluate(second), expected) < SAME);
        evaluate(third);
      }
      assertArrayEquals(before, evaluate(first));
    }
  }

  /** Sizes of the published networks from their configurations alone; no weights. */
  @Test
  void publishedNetworksHaveTheirParametersAndFitIntoMemory() throws IOException {
    published("{\"cross_attention_dim\": 768}", 859_520_964L, 64, 64, 77, 200);
    published(
        "{\"cross_attention_dim\": 768, \"time_cond_proj_dim\": 256}",
        859_602_884L,
        64,
        64,
        77,
        200);
    published("{\"cross_attention_dim\": 768, \"in_channels\": 9}", 859_535_364L, 72, 50, 77, 200);
    published(
        "{\"cross_attention_dim\": 1024, \"use_linear_projection\": true,"
            + " \"attention_head_dim\": [5, 10, 20, 20]}",
        865_910_724L,
        96,
        96,
        77,
        450);
    published(
        "{\"in_channels\": 3, \"out_channels\": 3, \"block_out_channels\": [192, 384, 576, 960],"
            + " \"cross_attention_dim\": 512, \"attention_head_dim\": 1, \"down_block_types\":"
            + " [\"DownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\","
            + " \"CrossAttnDownBlock2D\"], \"up_block_types\": [\"CrossAttnUpBlock2D\","
            + " \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"UpBlock2D\"]}",
        400_920_579L,
        64,
        64,
        1,
        150);
  }

  /**
   * @param mebibytes that the values of one row may take
   */
  private void published(
      String json, long parameters, int height, int width, int tokens, int mebibytes)
      throws IOException {
    UNetDescription network =
        UNetDescription.of(Json.parse(ObjectNode.class, "a configuration", json), "a test");
    Graph graph = new LatentUNetConfig(network, height, width, tokens).graph();
    assertEquals(parameters, graph.parameterCount());
    assertEquals(network.shapes().keySet(), graph.parameters().keySet());
    long bytes = Plan.requiredBytes(device, graph, PlanOptions.inference(1));
    assertTrue(bytes < (long) mebibytes << 20, bytes + " bytes");
  }

  /** Another network's weights would be read from the wrong places. */
  @Test
  void weightsOfAnotherNetworkAreRefused() {
    LatentUNetConfig guided = new LatentUNetConfig(TinyUNets.smallest(8, 0), 16, 16, 5);
    try (Network<LatentUNetConfig, ModelCard> network = fresh(TEXT)) {
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> plan(network, guided, 1).close());
      assertTrue(refused.getMessage().contains("another network's"), refused.getMessage());
    }
  }

  @Test
  void theFileHoldsTheSameNetwork() throws IOException {
    for (LatentUNetConfig config : List.of(TEXT, CLASSES)) {
      Path file = file(config);
      Path again = folder.resolve("again.safetensors");
      try (Network<LatentUNetConfig, ModelCard> loaded =
              Network.load(device, LatentUNetConfig.FORMAT, file);
          Network<LatentUNetConfig, ModelCard> opened =
              Network.open(device, LatentUNetConfig.FORMAT, file);
          Plan one = plan(loaded, config, 2);
          Plan two = plan(opened, config, 2)) {
        assertEquals(config, opened.architecture());
        assertEquals(CARD, opened.card());
        assertEquals(config.network().shapes().keySet(), opened.graph().parameters().keySet());
        assertArrayEquals(evaluate(one), evaluate(two));
        opened.save(again, CARD, Dtype.F16);
      }
      assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(again));
    }
  }

  @Test
  void whatCannotBeIsRefusedInOneLine() {
    String json = TEXT.toJson();
    for (String[] change :
        new String[][] {
          {"\"height\":16", "\"height\":0", "height must be from 1 to"},
          {"\"tokens\":5", "\"tokens\":100000", "tokens must be from 1 to"},
          {"\"class_rows\":0", "\"class_rows\":-1", "class_rows must be from 0 to"},
          {"\"class_rows\":0", "\"class_rows\":9", "a class is a context of 1 token"},
          {"\"height\":16,\"width\":16", "\"height\":4000,\"width\":4000", "too large"},
          {"\"act_fn\":\"silu\"", "\"act_fn\":\"relu\"", "act_fn"},
          {"\"class_rows\":0,", "", "class_rows"},
        }) {
      String changed = json.replace(change[0], change[1]);
      assertFalse(changed.equals(json), change[0]);
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> LatentUNetConfig.fromJson(changed));
      assertTrue(refused.getMessage().contains(change[2]), refused.getMessage());
      assertFalse(refused.getMessage().contains("\n"), refused.getMessage());
    }
  }

  @Test
  void keysAndValuesOfTheTextAreFormedOncePerRequest() {
    try (Network<LatentUNetConfig, ModelCard> network = fresh(TEXT);
        Plan plan = plan(network, TEXT, 2)) {
      assertTrue(labels(plan.conditionSteps()).contains("keys and values"));
      assertTrue(
          labels(plan.forwardSteps()).stream()
              .noneMatch(label -> label.contains("to_k") || label.contains("keys")));
      float[] first = evaluate(plan);
      int count = (int) plan.count("context");
      DeviceArrays.write(device, plan.address("context"), new float[count]);
      assertArrayEquals(first, forward(plan), "a new text has no effect before condition()");
      plan.condition();
      assertTrue(error(forward(plan), first) > 1e-3);
      assertEquals(0, HeapAllocation.bytes(plan::condition));
      assertEquals(0, HeapAllocation.bytes(plan::forward));
    }
  }

  @Test
  void aClassIsAVectorPerTransformerFormedOncePerRequest() {
    try (Network<LatentUNetConfig, ModelCard> network = fresh(CLASSES);
        Plan plan = plan(network, CLASSES, 2)) {
      float[] first = evaluate(plan);
      assertTrue(labels(plan.conditionSteps()).contains("class_table"));
      assertTrue(
          labels(plan.forwardSteps()).stream().noneMatch(label -> label.contains("attn2.to_")));
      DeviceArrays.writeInts(device, plan.address("y"), 0, 0);
      plan.condition();
      assertTrue(error(forward(plan), first) > 1e-3);
    }
  }

  /** Softmax over one token is 1: exactly no gradient, whatever lay there before. */
  @Test
  void gradientsOfWhatNothingReadsAreZero() {
    try (Network<LatentUNetConfig, ModelCard> network = fresh(CLASSES);
        ParameterSlab gradients = new ParameterSlab(device, network.graph(), "gradients");
        Plan plan =
            Plan.training(
                device,
                network.graph(),
                PlanOptions.training(2, 0),
                network.weights(),
                gradients)) {
      for (Parameter parameter : network.graph().parameters().values()) {
        float[] stale = new float[(int) parameter.size()];
        Arrays.fill(stale, Float.NaN);
        gradients.set(parameter, stale);
      }
      plan.prepare();
      fill(plan);
      plan.forward();
      DeviceArrays.write(
          device, plan.gradientAddress("out"), new float[] {1, -2, 3, 0.5f, -1, 1, 2, 4});
      plan.backward();
      int unread = 0;
      for (Parameter parameter : network.graph().parameters().values()) {
        float[] gradient = gradients.get(parameter);
        boolean isUnread = parameter.name().matches(".*(norm2\\.(weight|bias)|attn2\\.to_[qk].*)");
        if (isUnread && parameter.name().contains("transformer_blocks")) {
          unread++;
          assertArrayEquals(new float[gradient.length], gradient, parameter.name());
        } else {
          double norm = 0;
          for (float value : gradient) {
            norm += value * value;
          }
          assertTrue(norm > 0, parameter.name() + " has a gradient of norm " + norm);
        }
      }
      assertEquals(4 * 4, unread);
    }
  }

  @Test
  void bfloat16StaysClose() {
    for (LatentUNetConfig config : List.of(TEXT, CLASSES)) {
      try (Network<LatentUNetConfig, ModelCard> network = fresh(config)) {
        Pass exact = pass(network, DataType.F32);
        Pass rounded = pass(network, DataType.BF16);
        double out = error(rounded.out(), exact.out());
        assertTrue(out > 0 && out < BF16_OUTPUT, "output " + out);
        double dx = error(rounded.dx(), exact.dx());
        assertTrue(dx < BF16_GRADIENT, "dx " + dx);
        double gradients = error(rounded.gradients(), exact.gradients());
        assertTrue(gradients < BF16_GRADIENT, "parameter gradients " + gradients);
      }
    }
  }

  private record Pass(float[] out, float[] dx, float[] gradients) {}

  private static Pass pass(Network<LatentUNetConfig, ModelCard> network, DataType type) {
    Device device = network.device();
    PlanOptions options =
        PlanOptions.training(2, 0)
            .withType(type)
            .withInputGradients(Set.of(network.architecture().ports(network.graph()).x()));
    try (ParameterSlab gradients = new ParameterSlab(device, network.graph(), "gradients");
        Plan plan = Plan.training(device, network.graph(), options, network.weights(), gradients)) {
      int count = (int) plan.count("x");
      fill(plan);
      plan.prepare();
      plan.forward();
      float[] dout = new float[count];
      for (int i = 0; i < count; i++) {
        dout[i] = (float) Math.cos(0.7 * i);
      }
      DeviceArrays.write(device, plan.gradientAddress("out"), dout);
      plan.backward();
      return new Pass(
          DeviceArrays.read(device, plan.address("out"), count),
          DeviceArrays.read(device, plan.gradientAddress("x"), count),
          gradients.toArray());
    }
  }
}
