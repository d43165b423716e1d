package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.quantize.Calibration;
import org.halfstep.quantize.LatentRows;
import org.halfstep.random.Philox;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How far int8 is from float32 in the networks of section 9.2 of the specification. */
class QuantizedKnownUNetsTest {
  private static final int HEIGHT = 16;
  private static final int WIDTH = 8;

  private static UNetDescription network(String name) {
    return switch (name) {
      case "T1" -> TinyUNets.first(0);
      case "T2" -> TinyUNets.second();
      case "T3" -> TinyUNets.third();
      default -> TinyUNets.first(32);
    };
  }

  private static float[] normal(long row, int draw, long count) {
    float[] values = new float[(int) count];
    Philox.normal(3, row, draw, values);
    return values;
  }

  /** Found: 0.055, 0.056, 0.045, 0.051. */
  private static final double MOST_ERROR = 0.07;

  /** The relative error on latents that the calibration did not see. */
  @ParameterizedTest
  @CsvSource({"T1,5", "T2,5", "T3,1", "T4,5"})
  void outputStaysCloseToFloat32(String name, int tokens) throws IOException {
    UNetDescription network = network(name);
    LatentUNetConfig config = new LatentUNetConfig(network, HEIGHT, WIDTH, tokens);
    List<LatentRows.Sample> samples = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      samples.add(
          new LatentRows.Sample(
              normal(i, 0, (long) HEIGHT * WIDTH * network.inChannels()),
              normal(i, 1, (long) tokens * network.context()),
              0));
    }
    double[] guidance = config.isGuided() ? new double[] {0, 8} : null;
    DiscreteSchedule schedule = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);
    try (Device device = new CpuDevice();
        Network<LatentUNetConfig, ComponentCard> exact =
            Network.open(
                device,
                config,
                new ComponentCard(name, Map.of()),
                new HashedTensors(network),
                TensorNames.OWN,
                Network.DEFAULT_MEMORY);
        Network<LatentUNetConfig, ComponentCard> bytes =
            Calibration.quantize(
                exact,
                4,
                plan -> new LatentRows(config, plan, schedule, samples, guidance, 1),
                "noise",
                1,
                _ -> {})) {
      float[] want = evaluate(exact);
      float[] got = evaluate(bytes);
      double squares = 0;
      double norm = 0;
      for (int i = 0; i < want.length; i++) {
        squares += Math.pow(got[i] - want[i], 2);
        norm += Math.pow(want[i], 2);
      }
      double error = Math.sqrt(squares / norm);
      assertTrue(error > 1e-4 && error < MOST_ERROR, name + ": relative error " + error);
    }
  }

  private static float[] evaluate(Network<LatentUNetConfig, ComponentCard> network) {
    Device device = network.device();
    LatentUNetPorts ports = network.architecture().ports(network.graph());
    try (Plan plan =
        Plan.inference(device, network.graph(), PlanOptions.inference(2), network.values())) {
      DeviceArrays.write(device, plan.address(ports.x()), normal(9, 0, plan.count(ports.x())));
      DeviceArrays.write(
          device, plan.address(ports.context()), normal(9, 1, plan.count(ports.context())));
      DeviceArrays.write(device, plan.address(ports.time()), 999, 250.5f);
      if (ports.guidance() != null) {
        DeviceArrays.write(device, plan.address(ports.guidance()), 6.5f, 1);
      }
      plan.prepare();
      plan.condition();
      plan.forward();
      return DeviceArrays.read(device, plan.address(ports.out()), (int) plan.count(ports.out()));
    }
  }
}
