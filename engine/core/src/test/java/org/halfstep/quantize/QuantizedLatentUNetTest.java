package org.halfstep.quantize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TinyUNets;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small latent UNet, brought to int8: its layers, what it computes, and its file. */
class QuantizedLatentUNetTest {
  private static final LatentUNetConfig CONFIG =
      new LatentUNetConfig(TinyUNets.smallest(8, 0), 12, 8, 5);
  private static final ModelCard CARD = ModelCard.teacher("a small one", List.of(), Map.of());
  private static final double[] GUIDANCE = {0, 8};

  /** Two dozen layers with random weights of eight bits; trained networks come out closer. */
  private static final double TOLERANCE = 0.05;

  @TempDir private Path folder;
  private static Device device;
  private static Network<LatentUNetConfig, ModelCard> source;
  private static Network<LatentUNetConfig, ModelCard> quantized;

  @BeforeAll
  static void quantize() {
    device = new CpuDevice();
    source = Network.fresh(device, CONFIG, CARD, 5);
    // Queries, keys and values are one product, and their scales are not alike.
    scale("to_q", 0.25f);
    scale("to_v", 4);
    quantized = Calibration.quantize(source, 3, plan -> rows(plan, samples()), "noise", 4, _ -> {});
  }

  @AfterAll
  static void close() {
    quantized.close();
    source.close();
    device.close();
  }

  private static void scale(String layer, float factor) {
    for (Parameter parameter : source.graph().parameters().values()) {
      if (parameter.name().endsWith("attn1." + layer + ".weight")) {
        float[] values = source.weights().get(parameter);
        for (int i = 0; i < values.length; i++) {
          values[i] *= factor;
        }
        source.weights().set(parameter, values);
      }
    }
  }

  private static LatentRows rows(Plan plan, List<LatentRows.Sample> samples) {
    DiscreteSchedule schedule = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);
    return new LatentRows(CONFIG, plan, schedule, samples, GUIDANCE, 4);
  }

  private static List<LatentRows.Sample> samples() {
    List<LatentRows.Sample> samples = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      samples.add(
          new LatentRows.Sample(
              normal(i, 0, 12 * 8 * CONFIG.network().inChannels()),
              normal(i, 1, 5 * CONFIG.network().context()),
              0));
    }
    return samples;
  }

  private static float[] normal(long row, int draw, int count) {
    float[] values = new float[count];
    Philox.normal(8, row, draw, values);
    return values;
  }

  private static float[] evaluate(
      Network<LatentUNetConfig, ModelCard> network, Graph graph, int batch) {
    Device device = network.device();
    try (Plan plan =
        Plan.inference(device, graph, PlanOptions.inference(batch), network.values())) {
      for (String input : List.of("x", "context")) {
        int count = (int) plan.count(input) / batch;
        float[] all = new float[batch * count];
        for (int row = 0; row < batch; row++) {
          System.arraycopy(normal(9 + row, 0, count), 0, all, row * count, count);
        }
        DeviceArrays.write(device, plan.address(input), all);
      }
      float[] times = new float[batch];
      float[] strengths = new float[batch];
      for (int row = 0; row < batch; row++) {
        times[row] = 400 + 100 * row;
        strengths[row] = 3 + row;
      }
      DeviceArrays.write(device, plan.address("t"), times);
      DeviceArrays.write(device, plan.address("w"), strengths);
      plan.prepare();
      plan.condition();
      plan.forward();
      return DeviceArrays.read(device, plan.address("out"), (int) plan.count("out"));
    }
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

  @Test
  void outputStaysCloseToFloat32() {
    float[] exact = evaluate(source, source.graph(), 2);
    double error = error(evaluate(quantized, quantized.graph(), 2), exact);
    assertTrue(error < TOLERANCE, "relative error " + error);
    assertTrue(error > 1e-4, "int8 was not used: relative error " + error);
    float[] alone = evaluate(quantized, quantized.graph(), 1);
    float[] together = evaluate(quantized, quantized.graph(), 2);
    assertArrayEquals(alone, Arrays.copyOf(together, alone.length));
  }

  /** All that read pixels but the first and the last convolution; nothing of time and text. */
  @Test
  void layersOfPixelsAreInt8() {
    TreeSet<String> floating = new TreeSet<>();
    for (String name : source.graph().parameters().keySet()) {
      boolean matrix =
          name.endsWith(".weight")
              && source.graph().parameters().get(name).shape().size() > 1
              && !quantized.graph().parameters().containsKey(name + "_scale");
      if (matrix && !name.contains("time_emb") && !name.matches(".*attn2\\.to_[kv]\\.weight")) {
        floating.add(name);
      }
    }
    assertEquals(new TreeSet<>(List.of("conv_in.weight", "conv_out.weight")), floating);
    assertTrue(CONFIG.int8Layers().containsKey("up_blocks.0.upsamplers.0.conv"));
    String attention = "mid_block.attentions.0.transformer_blocks.0.attn1.";
    assertEquals(
        CONFIG.int8Layers().get(attention + "to_q"), CONFIG.int8Layers().get(attention + "to_v"));
    assertTrue(quantized.graph().parameters().containsKey(attention + "to_v.weight_scale"));
  }

  @Test
  void theFileHoldsTheSameNetworkForEverySize() throws IOException {
    Path file = folder.resolve("int8.safetensors");
    quantized.save(file, CARD, Dtype.F32);
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      assertEquals(
          Dtype.I8,
          stored.tensor("mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight").dtype());
    }
    float[] expected = evaluate(quantized, quantized.graph(), 2);
    LatentUNetConfig larger = CONFIG.withSize(24, 16, 7);
    float[] exact = evaluate(source, larger.graph(), 1);
    try (Network<LatentUNetConfig, ModelCard> opened =
            Network.open(device, LatentUNetConfig.FORMAT, file);
        Plan first = plan(opened, opened.graph())) {
      assertTrue(opened.isQuantized());
      long packed = ((FrozenWeights) opened.values()).packedBytes();
      assertEquals(12 * 8 * 4, first.count("out"));
      try (Plan second = plan(opened, larger.int8Graph())) {
        assertEquals(24 * 16 * 4, second.count("out"));
        // oneDNN has some int8 layouts that follow from the number of pixels.
        long both = ((FrozenWeights) opened.values()).packedBytes();
        assertTrue(both < 1.25 * packed, both + " of " + packed);
      }
      assertArrayEquals(expected, evaluate(opened, opened.graph(), 2));
      assertTrue(error(evaluate(opened, larger.int8Graph(), 1), exact) < TOLERANCE);
    }
  }

  private static Plan plan(Network<LatentUNetConfig, ModelCard> network, Graph graph) {
    return Plan.inference(device, graph, PlanOptions.inference(1), network.values());
  }

  @Test
  void samplesOfAnotherSizeAreRefused() {
    LatentRows.Sample small = new LatentRows.Sample(new float[3], new float[60], 0);
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                Calibration.quantize(
                        source, 1, plan -> rows(plan, List.of(small)), "noise", 4, _ -> {})
                    .close());
    assertTrue(refused.getMessage().contains("expected 12x8x4 and 5x1x12"), refused.getMessage());
  }
}
