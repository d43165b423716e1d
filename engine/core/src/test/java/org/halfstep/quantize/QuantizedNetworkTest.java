package org.halfstep.quantize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.HeapAllocation;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ClassInputs;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.Quantization;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** A small student, brought to int8: what it computes, its file, and what it refuses. */
class QuantizedNetworkTest {
  /**
   * Eight bits are a rounding of about 1/500 of a layer's range, which is wide here: every weight
   * is random. A dozen layers add up; trained networks come out several times closer.
   */
  private static final double TOLERANCE = 0.1;

  private static final int SIDE = 8;
  private static final String LAYER = "input_blocks.1.0.in_layers.2";

  @TempDir private static Path folder;

  private static Device device;
  private static Network<UNetConfig, ModelCard> source;
  private static Network<UNetConfig, ModelCard> quantized;

  @BeforeAll
  static void quantize() throws IOException {
    device = new CpuDevice();
    source =
        Network.load(
            device,
            UNetConfig.FORMAT,
            TinyModels.student(folder.resolve("student.safetensors"), 2));
    try (ImageDataset data = TinyNetworks.images(SIDE, 12)) {
      quantized =
          Calibration.quantize(source, data, "waves", new CalibrationSettings(12, 3), _ -> {});
    }
  }

  @AfterAll
  static void close() {
    quantized.close();
    source.close();
    device.close();
  }

  @Test
  void outputStaysCloseToFloat32() {
    float[] exact = evaluate(source, 5);
    double error = error(evaluate(quantized, 5), exact);
    assertTrue(error < TOLERANCE, "relative error " + error);
    assertTrue(error > 1e-4, "int8 was not used: relative error " + error);
  }

  @Test
  void everyConvolutionButTheFirstAndTheLastIsInt8() {
    List<String> floating = new ArrayList<>();
    for (String name : source.graph().parameters().keySet()) {
      boolean convolution =
          name.endsWith(".weight")
              && source.graph().parameters().get(name).shape().size() > 2
              && !quantized
                  .graph()
                  .parameters()
                  .containsKey(name.replaceAll("weight$", "weight_scale"));
      if (convolution) {
        floating.add(name);
      }
    }
    assertEquals(List.of("input_blocks.0.0.weight", "out.2.weight"), floating);
  }

  @Test
  void anImageIsTheSameInAnyBatch() {
    float[] together = evaluate(quantized, 5);
    float[] alone = evaluate(quantized, 1);
    assertArrayEquals(alone, Arrays.copyOf(together, alone.length));
  }

  @Test
  void theFileHoldsTheSameNetwork() throws IOException {
    Path file = save("round-trip");
    try (Network<UNetConfig, ModelCard> loaded = Network.load(device, UNetConfig.FORMAT, file)) {
      assertTrue(loaded.isQuantized());
      assertEquals(new Quantization("int8", "waves", 12, 24, 3), loaded.quantization());
      assertArrayEquals(evaluate(quantized, 2), evaluate(loaded, 2));
      Path again = folder.resolve("again.safetensors");
      loaded.save(again, loaded.card(), Dtype.F32);
      assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(again));
    }
    try (SafetensorsFile raw = SafetensorsFile.open(file)) {
      assertEquals(Dtype.I8, raw.tensor(LAYER + ".weight").dtype());
      assertEquals(Dtype.F32, raw.tensor(LAYER + ".weight_scale").dtype());
    }
  }

  @Test
  void theSamplerTakesIt() throws IOException {
    Path file = save("sampler");
    ModelOptions options = ModelOptions.standard().withDevice(device);
    try (DiffusionModel model = DiffusionModel.open(file, options);
        Arena arena = Arena.ofConfined()) {
      SampleRequest request = model.request(0, 1, 2).withSeed(4);
      MemorySegment images = arena.allocate(4L * request.count() * model.imageValues(), 64);
      model.sample(request, images);
      float[] first = images.toArray(ValueLayout.JAVA_FLOAT);
      assertEquals(0, HeapAllocation.bytes(() -> model.sample(request, images)));
      assertArrayEquals(first, images.toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  @Test
  void theSeedChangesWhatIsMeasured() {
    try (ImageDataset data = TinyNetworks.images(SIDE, 12);
        Network<UNetConfig, ModelCard> other =
            Calibration.quantize(source, data, "waves", new CalibrationSettings(12, 4), _ -> {});
        Network<UNetConfig, ModelCard> same =
            Calibration.quantize(source, data, "waves", new CalibrationSettings(12, 3), _ -> {})) {
      assertArrayEquals(quantized.weights().toArray(), same.weights().toArray());
      assertNotEquals(scale(quantized), scale(other));
    }
  }

  private static float scale(Network<UNetConfig, ModelCard> network) {
    return network.weights().get(network.graph().parameters().get(LAYER + ".input_scale"))[0];
  }

  @Test
  void trainingIsRefusedInOneLine() {
    try (ParameterSlab gradients = new ParameterSlab(device, quantized.graph(), "gradients")) {
      assertOneLine(
          "cannot be trained",
          () ->
              Plan.training(
                  device,
                  quantized.graph(),
                  PlanOptions.training(2, 0),
                  quantized.weights(),
                  gradients));
    }
    assertOneLine(
        "cannot be trained",
        () -> Network.like(device, quantized.architecture(), quantized.card(), quantized));
    try (ImageDataset data = TinyNetworks.images(SIDE, 4)) {
      assertOneLine(
          "int8 already",
          () ->
              Calibration.quantize(
                  quantized, data, "waves", CalibrationSettings.standard(), _ -> {}));
    }
  }

  @Test
  void moreEvaluationsThanAnIntCountsAreRefused() throws IOException {
    Path file = TinyModels.student(folder.resolve("many.safetensors"), ModelCard.MAXIMUM_STEPS);
    try (Network<UNetConfig, ModelCard> many = Network.load(device, UNetConfig.FORMAT, file);
        ImageDataset data = TinyNetworks.images(SIDE, 40_000)) {
      assertOneLine(
          "40000 images at each of 65536 steps are more than 10000000 evaluations",
          () ->
              Calibration.quantize(
                  many, data, "waves", new CalibrationSettings(40_000, 3), _ -> {}));
    }
  }

  @Test
  void badFilesAreRefusedInOneLine() throws IOException {
    assertRefused("missing", LAYER + ".weight_scale is missing", LAYER + ".weight_scale", null);
    assertRefused(
        "float",
        LAYER + ".bias is I8, expected F32, F16 or BF16",
        LAYER + ".bias",
        new NamedTensor(
            LAYER + ".bias", Dtype.I8, new long[] {32}, MemorySegment.ofArray(new byte[32])));
    assertRefused(
        "scale",
        LAYER + ".input_scale holds 0.0, expected scales above 0",
        LAYER + ".input_scale",
        NamedTensor.f32(LAYER + ".input_scale", new long[] {1}, 0));
    assertRefused(
        "zero",
        LAYER + ".input_zero_point holds 300.0, expected an integer in 0..255",
        LAYER + ".input_zero_point",
        NamedTensor.f32(LAYER + ".input_zero_point", new long[] {1}, 300));
    assertRefused(
        "weight",
        LAYER + ".weight is F32, expected I8",
        LAYER + ".weight",
        NamedTensor.f32(LAYER + ".weight", new long[] {32, 32, 3, 3}, new float[32 * 32 * 9]));
    byte[] lowest = new byte[32 * 32 * 9];
    lowest[7] = -128;
    assertRefused(
        "lowest",
        LAYER + ".weight holds -128",
        LAYER + ".weight",
        new NamedTensor(
            LAYER + ".weight", Dtype.I8, new long[] {32, 32, 3, 3}, MemorySegment.ofArray(lowest)));
  }

  /** A file with one tensor replaced, or left out, fails to load. */
  private static void assertRefused(
      String name, String expected, String tensor, NamedTensor replacement) throws IOException {
    Path good = save("good");
    Path bad = folder.resolve("bad-" + name + ".safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(good)) {
      List<NamedTensor> tensors = new ArrayList<>();
      for (String each : file.names()) {
        TensorView view = file.tensor(each);
        if (!each.equals(tensor)) {
          tensors.add(new NamedTensor(each, view.dtype(), view.shape(), view.data()));
        } else if (replacement != null) {
          tensors.add(replacement);
        }
      }
      Map<String, String> metadata = new LinkedHashMap<>(file.metadata());
      SafetensorsWriter.write(bad, tensors, metadata);
    }
    IOException refused =
        assertThrows(IOException.class, () -> Network.load(device, UNetConfig.FORMAT, bad));
    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    assertTrue(refused.getMessage().contains(bad.toString()), refused.getMessage());
    assertFalse(refused.getMessage().contains("\n"), refused.getMessage());
  }

  private static void assertOneLine(String expected, Executable work) {
    String message = assertThrows(IllegalArgumentException.class, work).getMessage();
    assertTrue(message.contains(expected), message);
    assertFalse(message.contains("\n"), message);
  }

  private static Path save(String name) throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    quantized.save(file, quantized.card(), Dtype.F32);
    return file;
  }

  private static float[] evaluate(Network<UNetConfig, ModelCard> network, int batch) {
    try (Plan plan =
            Plan.inference(
                device, network.graph(), PlanOptions.inference(batch), network.weights());
        ClassInputs inputs = new ClassInputs(network, plan)) {
      plan.prepare();
      int each = (int) plan.count("x") / batch;
      float[] x = new float[batch * each];
      float[] row = new float[each];
      for (int i = 0; i < batch; i++) {
        Philox.normal(9, i, 0, row);
        System.arraycopy(row, 0, x, i * each, each);
        inputs.set(i, 0.3 + 0.1 * i, i % TinyModels.CLASSES.size(), i % 4);
      }
      DeviceArrays.write(device, plan.address("x"), x);
      inputs.push();
      plan.forward();
      return DeviceArrays.read(device, plan.address("out"), x.length);
    }
  }

  /** Relative L2 error. */
  private static double error(float[] got, float[] want) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < want.length; i++) {
      difference += Math.pow(got[i] - want[i], 2);
      norm += Math.pow(want[i], 2);
    }
    return Math.sqrt(difference / norm);
  }
}
