package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.fixtures.GraphRun;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.WeightUse;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** First stages whose results are written down, and what holds for every size of them. */
class AutoencoderTest {
  /** The published results have eight digits, and networks of float32 lose two. */
  private static final double TOLERANCE = 2e-5;

  private static final AutoencoderDescription V1 =
      new AutoencoderDescription(3, 4, List.of(64, 128, 128), 2, 32, 0.18215, 0, 4);

  @TempDir private Path folder;

  /** What is written down of one half with hashed weights. Source: specification 9.2. */
  private record Known(double sum, double absolute, double[] first, double[] last, double norm) {}

  @Test
  void theEncoderGivesTheMomentsThatAreWrittenDown() {
    check(
        AutoencoderConfig.encoder(V1, 6, 4),
        "image",
        3 * 24 * 16,
        1,
        new Known(
            -18.932380,
            86.696310,
            new double[] {.174735, -.186504, .598380, .663992},
            new double[] {-.422854, -.135500},
            10.960903));
  }

  @Test
  void theDecoderGivesTheImageThatIsWrittenDown() {
    check(
        AutoencoderConfig.decoder(V1, 6, 4),
        "z",
        4 * 6 * 4,
        1.7,
        new Known(
            -77.943225,
            467.667614,
            new double[] {-.065286, -.286077, -.419797, -.313263},
            new double[] {.389843, .307331},
            13.685522));
  }

  private static void check(
      AutoencoderConfig config, String input, int count, double scale, Known known) {
    try (HashedTensors weights = new HashedTensors(V1);
        GraphRun run = new GraphRun(config.graph(), 1, Set.of(input), Set.of())) {
      for (String name : run.parameters()) {
        run.weight(name, weights.find(name).orElseThrow().doubles());
      }
      run.input(input, hashed(input, count, scale));
      run.forward();
      double[] out = run.value("out");
      assertEquals(known.sum, Arrays.stream(out).sum(), TOLERANCE * known.absolute);
      assertEquals(
          known.absolute, Arrays.stream(out).map(Math::abs).sum(), TOLERANCE * known.absolute);
      for (int i = 0; i < known.first.length; i++) {
        assertEquals(known.first[i], out[i], TOLERANCE);
      }
      for (int i = 0; i < known.last.length; i++) {
        assertEquals(known.last[i], out[out.length - known.last.length + i], TOLERANCE);
      }
      run.backward(hashed("r", out.length, 1));
      double norm = norm(run.inputGradient(input));
      assertEquals(known.norm, norm, 5 * TOLERANCE * known.norm);
    }
  }

  private static double[] hashed(String name, int count, double scale) {
    double[] values = new double[count];
    Arrays.setAll(values, i -> scale * HashedTensors.hash(name, i));
    return values;
  }

  private static double norm(double... values) {
    return Math.sqrt(Arrays.stream(values).map(v -> v * v).sum());
  }

  @Test
  void parametersAreThoseOfTheDescriptionInEveryForm() {
    for (AutoencoderDescription network :
        List.of(V1, FirstStages.gaussian(), FirstStages.quantized())) {
      Set<String> all = new TreeSet<>();
      for (AutoencoderConfig half :
          List.of(
              AutoencoderConfig.encoder(network, 4, 3),
              new AutoencoderConfig(network, Half.DECODER, 4, 3, false))) {
        half.graph()
            .parameters()
            .forEach(
                (name, parameter) -> {
                  assertTrue(all.add(name), name);
                  long[] shape = network.shapes().get(name);
                  assertEquals(
                      Arrays.stream(shape).boxed().map(Long::intValue).toList(),
                      parameter.shape(),
                      name);
                });
        assertEquals(half.leastTensors(), half.graph().parameters().size());
        assertEquals(half, AutoencoderConfig.fromJson(half.toJson()));
        assertEquals(
            half.graph().parameters().keySet(), half.sized(9, 2).graph().parameters().keySet());
      }
      assertEquals(new TreeSet<>(network.shapes().keySet()), all);
    }
  }

  @Test
  void plansOfSeveralSizesShareTheirWeights() throws IOException {
    AutoencoderDescription network = FirstStages.gaussian();
    AutoencoderConfig usual = AutoencoderConfig.decoder(network, 64, 64);
    try (Device device = new CpuDevice();
        HashedTensors weights = new HashedTensors(network);
        Network<AutoencoderConfig, ComponentCard> opened =
            FirstStageHalf.open(device, usual, weights, WeightUse.standard())) {
      FrozenWeights values = (FrozenWeights) opened.values();
      PlanOptions options = PlanOptions.inference(1);
      try (Plan small =
          Plan.inference(device, usual.sized(8, 6).graph(), options, opened.values())) {
        long packed = values.packedBytes();
        long resident = values.residentBytes();
        assertTrue(packed > 0);
        try (Plan other =
            Plan.inference(device, usual.sized(12, 10).graph(), options, opened.values())) {
          assertEquals(packed, values.packedBytes());
          assertEquals(resident, values.residentBytes());
          other.prepare();
        }
        small.prepare();
      }
      assertEquals(0, values.packedBytes());
    }
  }

  @Test
  void aHalfIsKeptInAFileOfOurs() throws IOException {
    AutoencoderConfig config = AutoencoderConfig.decoder(FirstStages.quantized(), 4, 3);
    ComponentCard card = new ComponentCard("a first stage", Map.of());
    Path file = folder.resolve("decoder.safetensors");
    float[] z = new float[4 * 3 * 3];
    for (int i = 0; i < z.length; i++) {
      z[i] = (float) HashedTensors.hash("z", i);
    }
    try (Device device = new CpuDevice(1);
        HashedTensors weights = new HashedTensors(FirstStages.quantized())) {
      float[] expected;
      try (Network<AutoencoderConfig, ComponentCard> opened =
          FirstStageHalf.open(device, config, weights, WeightUse.standard())) {
        expected = output(opened, DataType.F32, z);
        opened.save(file, card, Dtype.F32);
      }
      try (Network<AutoencoderConfig, ComponentCard> read =
          Network.open(device, AutoencoderConfig.FORMAT, file)) {
        assertEquals(config, read.architecture());
        assertEquals(card, read.card());
        assertArrayEquals(expected, output(read, DataType.F32, z));
      }
    }
  }

  private static float[] output(
      Network<AutoencoderConfig, ComponentCard> network, DataType type, float... in) {
    Device device = network.device();
    PlanOptions options = PlanOptions.inference(1).withType(type);
    try (Plan plan = Plan.inference(device, network.graph(), options, network.values())) {
      AutoencoderPorts ports = network.architecture().ports(network.graph());
      DeviceArrays.write(device, plan.address(ports.in()), in);
      plan.prepare();
      plan.forward();
      return DeviceArrays.read(
          device, plan.address(ports.out()), Math.toIntExact(plan.count(ports.out())));
    }
  }

  @Test
  void aFileThatDescribesMoreThanItHasIsRefusedBeforeMemoryIsTaken() throws IOException {
    AutoencoderDescription huge =
        new AutoencoderDescription(
            3, 4, List.of(16384, 16384, 16384, 16384, 16384), 8, 32, 1, 0, 4);
    Path file = folder.resolve("huge.safetensors");
    SafetensorsWriter.write(
        file,
        List.of(NamedTensor.f32("post_quant_conv.bias", new long[] {4}, 0, 0, 0, 0)),
        Map.of(
            "format",
            AutoencoderConfig.FORMAT.name(),
            "config",
            AutoencoderConfig.decoder(huge, 1, 1).toJson(),
            "card",
            new ComponentCard("x", Map.of()).toJson()));
    try (Device device = new CpuDevice(1)) {
      DataException refused =
          assertThrows(
              DataException.class, () -> Network.open(device, AutoencoderConfig.FORMAT, file));
      assertTrue(
          refused.getMessage().contains("describes a network of at least"), refused.getMessage());
    }
  }

  @Test
  void bfloat16StaysCloseToFloat32() throws IOException {
    AutoencoderDescription network = FirstStages.gaussian();
    AutoencoderConfig config = AutoencoderConfig.decoder(network, 6, 5);
    float[] z = new float[6 * 5 * 4];
    for (int i = 0; i < z.length; i++) {
      z[i] = (float) HashedTensors.hash("z", i);
    }
    try (Device device = new CpuDevice();
        HashedTensors weights = new HashedTensors(network);
        Network<AutoencoderConfig, ComponentCard> opened =
            FirstStageHalf.open(device, config, weights, WeightUse.standard())) {
      float[] exact = output(opened, DataType.F32, z);
      float[] rounded = output(opened, DataType.BF16, z);
      double[] error = new double[exact.length];
      double[] wanted = new double[exact.length];
      for (int i = 0; i < exact.length; i++) {
        error[i] = rounded[i] - exact[i];
        wanted[i] = exact[i];
      }
      double relative = norm(error) / norm(wanted);
      assertTrue(relative > 0 && relative < 0.03, "relative error " + relative);
    }
  }

  /**
   * Stable Diffusion's decoder to 512x512 holds four values of 128 channels at a time, and little
   * more: the widest of them twice, or beside two others.
   */
  @Test
  void theDecoderOfStableDiffusionNeedsTheMemoryOfItsLargestValues() {
    AutoencoderDescription published =
        new AutoencoderDescription(3, 4, List.of(128, 256, 512, 512), 2, 32, 0.18215, 0, 4);
    long value = (long) Float.BYTES * 512 * 512 * 128;
    try (Device device = new CpuDevice()) {
      long bytes =
          Plan.requiredBytes(
              device,
              AutoencoderConfig.decoder(published, 64, 64).graph(),
              PlanOptions.inference(1));
      assertTrue(bytes >= 4 * value && bytes < 4.3 * value, bytes + " bytes");
    }
  }

  @Test
  void sizesThatCannotBeAreRefused() {
    AutoencoderDescription network = FirstStages.gaussian();
    refused(() -> AutoencoderConfig.decoder(network, 0, 4), "1x1 to 8192x8192");
    refused(() -> AutoencoderConfig.decoder(network, 8192, 8192), "use tiles");
    refused(
        () -> new AutoencoderConfig(network, Half.DECODER, 4, 4, true), "only the decoder of a");
    refused(
        () -> new AutoencoderConfig(FirstStages.quantized(), Half.ENCODER, 4, 4, true),
        "only the decoder of a");
    refused(() -> AutoencoderConfig.fromJson("{}"), "first stage");
  }

  private static void refused(Runnable making, String because) {
    IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, making::run);
    assertTrue(refused.getMessage().contains(because), refused.getMessage());
  }
}
