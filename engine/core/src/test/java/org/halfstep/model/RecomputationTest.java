package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Graph;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TinyUNets;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Plans that run blocks again on the way back, beside plans that keep everything. */
class RecomputationTest {
  private static final int BATCH = 2;

  /** All gradients of a pass, the output, and the bytes that it took beside packed weights. */
  private record Pass(float[] out, float[] gradients, float[] dx, long bytes, long packs) {}

  private static <A extends Architecture> Pass run(
      Network<A, ?> network, DataType type, boolean recomputes) {
    Device device = network.device();
    Graph graph = network.graph();
    Value x = graph.named("x");
    PlanOptions options =
        PlanOptions.training(BATCH, 3)
            .withType(type)
            .withInputGradients(Set.of(x))
            .withRecomputation(recomputes);
    try (ParameterSlab gradients = new ParameterSlab(device, graph, "gradients");
        Plan plan = Plan.training(device, graph, options, network.weights(), gradients)) {
      fill(plan);
      plan.prepare();
      // Twice: what the first pass leaves behind must not matter.
      for (int pass = 0; pass < 2; pass++) {
        plan.forward();
        write(plan, plan.gradientAddress("out"), (int) plan.count("out"), 9);
        plan.backward();
      }
      assertEquals(
          Plan.requiredBytes(device, graph, options), plan.slabBytes(), "known before it is taken");
      return new Pass(
          DeviceArrays.read(device, plan.address("out"), (int) plan.count("out")),
          gradients.toArray(),
          DeviceArrays.read(device, plan.gradientAddress(x), (int) plan.count(x)),
          plan.slabBytes() - plan.prepareSteps().stream().mapToLong(step -> step.bytes() / 2).sum(),
          plan.prepareSteps().size());
    }
  }

  private static void fill(Plan plan) {
    int number = 0;
    for (Value input : plan.graph().inputs()) {
      int count = (int) plan.count(input);
      if (input.storage() == Value.Storage.I32) {
        DeviceArrays.writeInts(plan.device(), plan.address(input), new int[count]);
      } else {
        write(plan, plan.address(input), count, ++number);
      }
    }
    if (plan.hasDropout()) {
      for (int i = 0; i < BATCH; i++) {
        DeviceArrays.writeInts(
            plan.device(), plan.sampleIdsAddress() + 8L * i, new int[] {5 + i, 0});
      }
      DeviceArrays.writeInts(plan.device(), plan.drawAddress(), new int[] {1});
    }
  }

  private static void write(Plan plan, long address, int count, int seed) {
    float[] values = new float[count];
    Philox.normal(seed, 0, 0, values);
    DeviceArrays.write(plan.device(), address, values);
  }

  private static void check(Network<?, ?> network, DataType type, double least) {
    Pass whole = run(network, type, false);
    Pass again = run(network, type, true);
    assertArrayEquals(whole.out(), again.out());
    assertArrayEquals(whole.gradients(), again.gradients());
    assertArrayEquals(whole.dx(), again.dx());
    assertEquals(whole.packs(), again.packs(), "each weight is packed once");
    assertTrue(
        again.bytes() < least * whole.bytes(), again.bytes() + " bytes, not " + whole.bytes());
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"F32", "BF16"})
  void aLatentNetworkHasTheSameGradients(DataType type) {
    LatentUNetConfig config = new LatentUNetConfig(TinyUNets.smallest(8, 0), 31, 32, 5);
    try (Device device = new CpuDevice();
        Network<LatentUNetConfig, ComponentCard> network =
            TinyNetworks.perturbed(
                Network.fresh(device, config, new ComponentCard("tiny", Map.of()), 1), 2)) {
      check(network, type, 0.75);
    }
  }

  @Test
  void aNetworkOfPixelsWithDropoutHasTheSameGradients() {
    try (Device device = new CpuDevice();
        Network<UNetConfig, ModelCard> network =
            TinyNetworks.perturbed(
                Network.fresh(
                    device,
                    new UNetConfig(
                        32,
                        1,
                        32,
                        1,
                        2,
                        List.of(8),
                        List.of(1.0, 2.0),
                        3,
                        true,
                        null,
                        1,
                        true,
                        false,
                        true,
                        false,
                        0.2f,
                        null),
                    TinyNetworks.teacherCard(),
                    1),
                2)) {
      check(network, DataType.F32, 0.75);
    }
  }
}
