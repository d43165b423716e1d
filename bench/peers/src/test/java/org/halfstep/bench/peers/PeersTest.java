package org.halfstep.bench.peers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.model.UNetPorts;
import org.halfstep.onnx.OnnxFile;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** All engines compute one function: a small network, written for each, with the same weights. */
class PeersTest {
  private static final int SIDE = 8;
  private static final int CHANNELS = 3;
  private static final float TOLERANCE = 2e-5f;
  private static final String NAME = "small";

  private static final UNetConfig CONFIG =
      new UNetConfig(
          SIDE,
          CHANNELS,
          32,
          CHANNELS,
          1,
          List.of(4),
          List.of(1.0, 2.0),
          9,
          false,
          16,
          null,
          true,
          true,
          true,
          true,
          0,
          null);

  @TempDir static Path folder;

  private static final Batch BATCH = Batch.check(CHANNELS, SIDE);
  private static float[] ours;
  private static Set<String> parameters;

  @BeforeAll
  static void writeNetwork() throws Exception {
    ModelCard card = ModelCard.teacher("none", List.of(), Map.of());
    Path weights = folder.resolve(NAME + ".safetensors");
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network = Network.fresh(device, CONFIG, card, 1)) {
      long number = 0;
      parameters = new HashSet<>(network.graph().parameters().keySet());
      for (Parameter parameter : network.graph().parameters().values()) {
        // Nothing is zero or one: every parameter counts.
        float[] values = new float[Math.toIntExact(parameter.size())];
        Philox.normal(5, ++number, 0, values);
        for (int i = 0; i < values.length; i++) {
          values[i] = 0.1f * values[i] + (parameter.initializer() == Parameter.Initializer.ONE ? 1 : 0);
        }
        network.weights().set(parameter, values);
      }
      network.save(weights, card, Dtype.F32);
      ours = forward(device, network);
    }
    try (SafetensorsFile file = SafetensorsFile.open(weights)) {
      PeerModels.write(CONFIG, file, folder, NAME);
    }
  }

  private static float[] forward(Device device, Network<UNetConfig, ModelCard> network) {
    try (Plan plan =
        Plan.inference(
            device, network.graph(), PlanOptions.inference(BATCH.size()), network.values())) {
      plan.prepare();
      UNetPorts ports = CONFIG.ports(plan.graph());
      float[] images = new float[BATCH.images().length];
      for (int i = 0; i < images.length; i++) {
        images[place(i)] = BATCH.images()[i];
      }
      try (HostView x = view(plan, ports.x());
          HostView t = view(plan, ports.time());
          HostView y = view(plan, ports.labels());
          HostView out = view(plan, ports.out())) {
        for (int i = 0; i < images.length; i++) {
          x.memory().setAtIndex(ValueLayout.JAVA_FLOAT, i, images[i]);
        }
        for (int row = 0; row < BATCH.size(); row++) {
          t.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, BATCH.times()[row]);
          y.memory().setAtIndex(ValueLayout.JAVA_INT, row, (int) BATCH.labels()[row]);
        }
        x.push();
        t.push();
        y.push();
        plan.forward();
        out.pull();
        float[] result = new float[images.length];
        for (int i = 0; i < result.length; i++) {
          result[i] = out.memory().getAtIndex(ValueLayout.JAVA_FLOAT, place(i));
        }
        return result;
      }
    }
  }

  private static HostView view(Plan plan, Value value) {
    return plan.device().view(plan.address(value), Float.BYTES * plan.count(value));
  }

  /** Where element i of images with channels first lies among channels last. */
  private static int place(int i) {
    int pixels = SIDE * SIDE;
    int image = i / (pixels * CHANNELS);
    return (image * pixels + i % pixels) * CHANNELS + i / pixels % CHANNELS;
  }

  @Test
  void onnxRuntimeComputesWhatWeDo() throws Exception {
    try (Peer peer = new OnnxRuntimePeer(folder.resolve(NAME + ".onnx"), BATCH, 1)) {
      assertArrayEquals(ours, peer.output(), TOLERANCE);
    }
  }

  @Test
  void libtorchComputesWhatWeDo() {
    try (Peer peer = new TorchPeer(folder.resolve(NAME + ".pt"), BATCH, false, 1)) {
      assertArrayEquals(ours, peer.output(), TOLERANCE);
      peer.run();
    }
  }

  @Test
  void libtorchLearns() {
    try (Peer peer = new TorchPeer(folder.resolve(NAME + ".pt"), BATCH, true, 1)) {
      double before = loss(peer);
      for (int i = 0; i < 20; i++) {
        peer.run();
      }
      double after = loss(peer);
      assertEquals(0, Math.max(0, after - 0.95 * before), before + " became " + after);
    }
  }

  private static double loss(Peer peer) {
    float[] made = peer.output();
    double sum = 0;
    for (int i = 0; i < made.length; i++) {
      sum += Math.pow(made[i] - BATCH.images()[i], 2);
    }
    return sum / made.length;
  }

  @Test
  void ourReaderFindsEveryWeightInTheModel() throws Exception {
    try (OnnxFile model = OnnxFile.open(folder.resolve(NAME + ".onnx"));
        SafetensorsFile file = SafetensorsFile.open(folder.resolve(NAME + ".safetensors"))) {
      List<String> missing = new ArrayList<>(parameters);
      missing.removeAll(model.names());
      assertEquals(List.of(), missing);
      for (String name : parameters) {
        assertArrayEquals(
            file.tensor(name).floats(), model.find(name).orElseThrow().floats(), name);
      }
    }
  }
}
