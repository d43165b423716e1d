package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.WeightUse;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.ShardedFile;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Networks that are opened for inference: mapped, packed once, and the same to the bit. */
class FrozenNetworkTest {
  /** Large enough for Winograd's convolutions and our own products beside oneDNN's. */
  private static final UNetConfig CONFIG =
      new UNetConfig(
          16,
          3,
          64,
          3,
          1,
          List.of(8),
          List.of(1.0, 2.0),
          5,
          false,
          32,
          null,
          true,
          true,
          true,
          true,
          0,
          null);

  @TempDir Path folder;
  private Device device;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    device = new CpuDevice();
    file = folder.resolve("network.safetensors");
    try (Network<UNetConfig, ModelCard> network = fresh()) {
      network.save(file, network.card(), Dtype.F32);
    }
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Network<UNetConfig, ModelCard> fresh() {
    Network<UNetConfig, ModelCard> network =
        Network.fresh(device, CONFIG, ModelCard.teacher("none", List.of(), Map.of()), 3);
    for (Parameter parameter : network.graph().parameters().values()) {
      float[] values = network.weights().get(parameter);
      for (int i = 0; i < values.length; i++) {
        values[i] += 0.01f * (i % 7 - 3);
      }
      network.weights().set(parameter, values);
    }
    return network;
  }

  private static Plan plan(Network<UNetConfig, ModelCard> network, int batch) {
    Plan plan =
        Plan.inference(
            network.device(), network.graph(), PlanOptions.inference(batch), network.values());
    plan.prepare();
    return plan;
  }

  private static float[] output(Plan plan) {
    fill(plan, "x");
    fill(plan, "t");
    plan.forward();
    float[] out = new float[(int) plan.count("out")];
    try (HostView window = plan.device().view(plan.address("out"), 4L * out.length)) {
      window.pull();
      MemorySegment.ofArray(out).copyFrom(window.memory());
    }
    return out;
  }

  private static void fill(Plan plan, String name) {
    long perSample = plan.count(name) / plan.batch();
    try (HostView window = plan.device().view(plan.address(name), 4 * plan.count(name))) {
      for (long i = 0; i < plan.count(name); i++) {
        window.memory().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.sin(i % perSample));
      }
      window.push();
    }
  }

  @Test
  void makesTheBitsOfTheSameNetworkInMemory() throws IOException {
    float[] expected;
    try (Network<UNetConfig, ModelCard> loaded = Network.load(device, UNetConfig.FORMAT, file);
        Plan plan = plan(loaded, 2)) {
      expected = output(plan);
    }
    try (Network<UNetConfig, ModelCard> opened = Network.open(device, UNetConfig.FORMAT, file);
        Plan plan = plan(opened, 2)) {
      assertArrayEquals(expected, output(plan));
    }
  }

  @Test
  void aSecondPlanAddsItsActivationsAndNothingElse() throws IOException {
    try (Network<UNetConfig, ModelCard> opened = Network.open(device, UNetConfig.FORMAT, file)) {
      FrozenWeights weights = (FrozenWeights) opened.values();
      assertEquals(0, weights.packedBytes(), "nothing is packed before a plan wants it");
      try (Plan first = plan(opened, 1)) {
        long packed = weights.packedBytes();
        long resident = weights.residentBytes();
        assertTrue(packed > 0);
        long before = Slab.live().size();
        float[] alone = output(first);
        try (Plan second = plan(opened, 4)) {
          assertEquals(packed, weights.packedBytes());
          assertEquals(resident, weights.residentBytes());
          assertEquals(before + 1, Slab.live().size(), "the second plan's own slab");
          float[] together = output(second);
          assertArrayEquals(alone, Arrays.copyOf(together, alone.length), "in any batch");
        }
        assertEquals(packed, weights.packedBytes());
      }
      assertEquals(0, weights.packedBytes(), "the last plan that wants a pack takes it along");
    }
  }

  @Test
  void holdsNoPlainCopyOfWhatIsPacked() throws IOException {
    try (Network<UNetConfig, ModelCard> opened = Network.open(device, UNetConfig.FORMAT, file);
        Plan plan = plan(opened, 1)) {
      FrozenWeights weights = (FrozenWeights) opened.values();
      long all = Float.BYTES * opened.graph().parameterFloats();
      assertTrue(
          weights.residentBytes() < all / 10,
          weights.residentBytes() + " of " + all + " bytes lie as they are stored");
      assertTrue(plan.slabBytes() > 0);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Dtype.class,
      names = {"F32", "F16", "BF16"})
  void filesOfEveryTypeAreReadAsTheyAre(Dtype dtype) throws IOException {
    Path other = folder.resolve("other.safetensors");
    try (Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, file)) {
      network.save(other, network.card(), dtype);
    }
    float[] expected;
    try (Network<UNetConfig, ModelCard> loaded = Network.load(device, UNetConfig.FORMAT, other);
        Plan plan = plan(loaded, 1)) {
      expected = output(plan);
    }
    try (Network<UNetConfig, ModelCard> opened = Network.open(device, UNetConfig.FORMAT, other);
        Plan plan = plan(opened, 1)) {
      assertArrayEquals(expected, output(plan));
      DataType type = DataType.valueOf(dtype.name());
      assertEquals(
          Map.of(type, type.bytes() * opened.graph().parameterCount()),
          ((FrozenWeights) opened.values()).storedBytes());
      Path again = folder.resolve("again.safetensors");
      opened.save(again, opened.card(), dtype);
      assertArrayEquals(Files.readAllBytes(other), Files.readAllBytes(again));
    }
  }

  /** The numbers are those of the float32 file, and so is the image, bit by bit. */
  @ParameterizedTest
  @EnumSource(
      value = Dtype.class,
      names = {"F16", "BF16"})
  void weightsOf16BitsArePackedIn16Bits(Dtype dtype) throws IOException {
    Path narrow = folder.resolve("narrow.safetensors");
    Path wide = folder.resolve("wide.safetensors");
    try (Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, file)) {
      network.save(narrow, network.card(), dtype);
    }
    try (Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, narrow)) {
      network.save(wide, network.card(), Dtype.F32);
    }
    try (Network<UNetConfig, ModelCard> of16 = Network.open(device, UNetConfig.FORMAT, narrow, 1);
        Network<UNetConfig, ModelCard> of32 = Network.open(device, UNetConfig.FORMAT, wide, 1);
        Plan plan16 = plan(of16, 2);
        Plan plan32 = plan(of32, 2)) {
      long packed16 = ((FrozenWeights) of16.values()).packedBytes();
      long packed32 = ((FrozenWeights) of32.values()).packedBytes();
      assertTrue(packed16 < 0.55 * packed32, packed16 + " of " + packed32);
      assertArrayEquals(output(plan32), output(plan16));
    }
  }

  /**
   * For one evaluation a weight that can be read in its file is packed nowhere, for many it is; the
   * image is the same, bit by bit.
   */
  @ParameterizedTest
  @EnumSource(
      value = Dtype.class,
      names = {"F32", "F16", "BF16"})
  void forFewEvaluationsWeightsStayInTheirFile(Dtype dtype) throws IOException {
    Path other = folder.resolve("other.safetensors");
    try (Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, file)) {
      network.save(other, network.card(), dtype);
    }
    float[] expected;
    long packed;
    try (Network<UNetConfig, ModelCard> usual = Network.open(device, UNetConfig.FORMAT, other);
        Plan plan = plan(usual, 2)) {
      expected = output(plan);
      packed = ((FrozenWeights) usual.values()).packedBytes();
    }
    for (long evaluations : new long[] {1, 1L << 40}) {
      try (Network<UNetConfig, ModelCard> opened =
              Network.open(
                  device,
                  CONFIG,
                  ModelCard.teacher("none", List.of(), Map.of()),
                  null,
                  SafetensorsFile.open(other),
                  TensorNames.OWN,
                  new WeightUse(WeightUse.USUAL_MEMORY, evaluations));
          Plan plan = plan(opened, 2)) {
        assertArrayEquals(expected, output(plan));
        long now = ((FrozenWeights) opened.values()).packedBytes();
        if (evaluations == 1) {
          assertTrue(now < packed / 4, now + " of " + packed);
          assertTrue(((FrozenWeights) opened.values()).budget().bytes() < packed);
        } else {
          assertEquals(packed, now);
        }
      }
    }
  }

  /** As others keep large networks: several files, one network among others, 16 bits. */
  @Test
  void weightsOfSeveralFilesUnderAPrefixAreOpenedWhereTheyLie() throws IOException {
    Path half = folder.resolve("half.safetensors");
    try (Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, file)) {
      network.save(half, network.card(), Dtype.F16);
    }
    float[] expected;
    try (Network<UNetConfig, ModelCard> loaded = Network.load(device, UNetConfig.FORMAT, half);
        Plan plan = plan(loaded, 1)) {
      expected = output(plan);
    }
    Path index = shards(half, "unet.");
    ModelCard card = ModelCard.teacher("none", List.of(), Map.of());
    try (Network<UNetConfig, ModelCard> opened =
            Network.open(
                device,
                CONFIG,
                card,
                ShardedFile.open(index),
                TensorNames.OWN.under("unet."),
                Network.DEFAULT_MEMORY);
        Plan plan = plan(opened, 1)) {
      assertArrayEquals(expected, output(plan));
    }
    ShardedFile refused = ShardedFile.open(index);
    assertThrows(
        IOException.class, () -> Network.open(device, CONFIG, card, refused, TensorNames.OWN, 0));
    assertThrows(
        IllegalStateException.class,
        () -> refused.find("vae.x").orElseThrow().floats(),
        "what could not be opened is closed");
  }

  /** The tensors of a file in two, in turns, and one of another network. */
  private Path shards(Path whole, String prefix) throws IOException {
    StringBuilder map = new StringBuilder();
    List<NamedTensor> even = new ArrayList<>();
    List<NamedTensor> odd = new ArrayList<>();
    try (SafetensorsFile from = SafetensorsFile.open(whole)) {
      for (String name : from.names()) {
        TensorView view = from.tensor(name);
        List<NamedTensor> to = even.size() > odd.size() ? odd : even;
        to.add(new NamedTensor(prefix + name, view.dtype(), view.shape(), view.data()));
        map.append(entry(prefix + name, to == even));
      }
      even.add(NamedTensor.f32("vae.x", new long[] {1}, 1));
      map.append(entry("vae.x", true));
      SafetensorsWriter.write(folder.resolve("even.safetensors"), even, Map.of());
      SafetensorsWriter.write(folder.resolve("odd.safetensors"), odd, Map.of());
    }
    map.setLength(map.length() - 1);
    return Files.writeString(
        folder.resolve("x.safetensors.index.json"), "{\"weight_map\":{" + map + "}}");
  }

  private static String entry(String tensor, boolean even) {
    return "\"" + tensor + "\":\"" + (even ? "even" : "odd") + ".safetensors\",";
  }

  @Test
  void lessMemoryIsAnotherAlgorithmAndTheSameImageInAnyBatch() throws IOException {
    long packed;
    float[] expected;
    try (Network<UNetConfig, ModelCard> opened = Network.open(device, UNetConfig.FORMAT, file);
        Plan plan = plan(opened, 1)) {
      packed = ((FrozenWeights) opened.values()).packedBytes();
      expected = output(plan);
    }
    try (Network<UNetConfig, ModelCard> small = Network.open(device, UNetConfig.FORMAT, file, 1);
        Plan one = plan(small, 1);
        Plan three = plan(small, 3)) {
      FrozenWeights weights = (FrozenWeights) small.values();
      assertTrue(weights.packedBytes() < packed, weights.packedBytes() + " of " + packed);
      float[] got = output(one);
      assertArrayEquals(got, Arrays.copyOf(output(three), got.length));
      assertArrayEquals(expected, got, 1e-3f);
    }
  }

  @Test
  void isNotTrained() throws IOException {
    try (Network<UNetConfig, ModelCard> opened = Network.open(device, UNetConfig.FORMAT, file);
        Network<UNetConfig, ModelCard> copy = Network.like(device, CONFIG, opened.card(), opened)) {
      assertThrows(IllegalStateException.class, opened::weights);
      try (Network<UNetConfig, ModelCard> loaded = Network.load(device, UNetConfig.FORMAT, file)) {
        assertArrayEquals(loaded.weights().toArray(), copy.weights().toArray());
      }
    }
  }

  @Test
  void aFileThatIsCutShortIsRefusedBeforeMemoryIsTaken() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    Path cut = folder.resolve("cut.safetensors");
    Files.write(cut, Arrays.copyOf(bytes, bytes.length - 4096));
    long before = Slab.live().size();
    IOException refused =
        assertThrows(IOException.class, () -> Network.open(device, UNetConfig.FORMAT, cut));
    assertTrue(refused.getMessage().contains("cut.safetensors"), refused.getMessage());
    assertEquals(before, Slab.live().size());
  }
}
