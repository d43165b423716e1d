package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.LeakCheck;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What every architecture can do, shown on those that are not diffusion models. */
@ExtendWith(LeakCheck.class)
class ArchitectureTest {
  private static final ClassifierConfig CLASSIFIER =
      new ClassifierConfig(16, 3, 4, List.of(8, 16, 32));
  private static final ClassifierCard CARD =
      new ClassifierCard("x", List.of("a", "b", "c", "d"), Map.of());

  @TempDir private Path folder;
  private Device device;

  @BeforeEach
  void open() {
    device = new CpuDevice(1);
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Network<ClassifierConfig, ClassifierCard> classifier() {
    return TinyNetworks.perturbed(Network.fresh(device, CLASSIFIER, CARD, 4), 4);
  }

  private static float[] features(Network<ClassifierConfig, ?> network) {
    ExtractorPorts ports = network.architecture().ports(network.graph());
    PlanOptions options = PlanOptions.inference(2).withKept(Set.of(ports.features()));
    try (Plan plan = Plan.inference(network.device(), network.graph(), options, network.values())) {
      plan.prepare();
      float[] x = new float[(int) plan.count(ports.x())];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) Math.sin(0.7 * i);
      }
      DeviceArrays.write(network.device(), plan.address(ports.x()), x);
      plan.forward();
      return DeviceArrays.read(
          network.device(), plan.address(ports.features()), (int) plan.count(ports.features()));
    }
  }

  @Test
  void aClassifierIsKeptAndOpenedAsAnyNetwork() throws IOException {
    Path file = folder.resolve("classifier.safetensors");
    try (Network<ClassifierConfig, ClassifierCard> made = classifier()) {
      made.save(file, CARD, Dtype.F32);
      try (Network<ClassifierConfig, ClassifierCard> opened =
          Network.open(device, ClassifierConfig.FORMAT, file)) {
        assertEquals(CLASSIFIER, opened.architecture());
        assertEquals(CARD, opened.card());
        assertArrayEquals(features(made), features(opened));
      }
    }
    IOException other =
        assertThrows(DataException.class, () -> Network.load(device, UNetConfig.FORMAT, file));
    assertTrue(other.getMessage().startsWith(file + ": is not a Halfstep model"));
  }

  @Test
  void aClassifierIsQuantized() {
    assertEquals(
        Set.of("levels.1.down", "levels.1.residual", "levels.2.down"),
        CLASSIFIER.int8Layers().keySet());
    try (Network<ClassifierConfig, ClassifierCard> made = classifier()) {
      Map<String, LayerScales> scales = new HashMap<>();
      for (String layer : CLASSIFIER.int8Layers().keySet()) {
        // SiLU of normalised values lies between -0.28 and about 5.
        scales.put(layer, new LayerScales(5.3f / 255, 14, largest(made, layer)));
      }
      Quantization how = new Quantization(Quantization.INT8, "none", 0, 0, 0);
      try (Network<ClassifierConfig, ClassifierCard> bytes = Network.quantized(made, how, scales)) {
        float[] expected = features(made);
        float[] got = features(bytes);
        double error = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
          error += Math.pow(got[i] - expected[i], 2);
          size += Math.pow(expected[i], 2);
        }
        assertTrue(error > 0, "int8 is not float32");
        assertTrue(Math.sqrt(error / size) < 0.05, "relative error " + Math.sqrt(error / size));
      }
    }
  }

  private static float[] largest(Network<?, ?> network, String layer) {
    Parameter weight = network.graph().parameters().get(layer + ".weight");
    float[] values = network.weights().get(weight);
    float[] scales = new float[weight.shape().getFirst()];
    int each = values.length / scales.length;
    for (int i = 0; i < values.length; i++) {
      scales[i / each] = Math.max(scales[i / each], Math.abs(values[i]) / 127);
    }
    return scales;
  }

  @Test
  void theNetworkOfFidIsAnArchitectureWithoutNumbers() throws IOException {
    InceptionConfig config = new InceptionConfig();
    assertEquals(config, InceptionConfig.FORMAT.architecture().apply(config.toJson()));
    assertEquals(
        InceptionConfig.CARD, InceptionConfig.FORMAT.card().apply(InceptionConfig.CARD.toJson()));
    Graph graph = config.graph();
    assertEquals(InceptionConfig.FEATURES, config.ports(graph).features().shape().channels());
    assertTrue(config.int8Layers().isEmpty());
  }

  @Test
  void aPlanRefusesThePortsOfAnotherGraph() {
    try (Network<ClassifierConfig, ClassifierCard> made = classifier();
        Plan plan = Plan.inference(device, made.graph(), PlanOptions.inference(1), made.values())) {
      ExtractorPorts others = CLASSIFIER.ports(CLASSIFIER.graph());
      assertThrows(IllegalArgumentException.class, () -> plan.address(others.x()));
      assertThrows(IllegalArgumentException.class, () -> plan.count(others.out()));
    }
  }
}
