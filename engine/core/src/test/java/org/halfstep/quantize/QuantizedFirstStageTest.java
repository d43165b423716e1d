package org.halfstep.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.latent.AutoencoderConfig;
import org.halfstep.latent.AutoencoderPorts;
import org.halfstep.latent.FirstStages;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.Test;

/** Both halves of a first stage, calibrated and computed in bytes. */
class QuantizedFirstStageTest {
  private static final ComponentCard CARD = new ComponentCard("first stage", Map.of());
  private static final int ROWS = 4;

  @Test
  void anEncoderInBytesStaysCloseToFloat32() {
    AutoencoderConfig config = AutoencoderConfig.encoder(FirstStages.gaussian(), 6, 4);
    Set<String> layers = config.int8Layers().keySet();
    assertTrue(layers.contains("encoder.down_blocks.0.downsamplers.0.conv"), layers::toString);
    check(config);
  }

  @Test
  void aDecoderInBytesStaysCloseToFloat32() {
    AutoencoderConfig config = AutoencoderConfig.decoder(FirstStages.gaussian(), 6, 4);
    Set<String> exact =
        Set.of("post_quant_conv", "decoder.conv_in", "decoder.conv_out").stream()
            .filter(config.int8Layers()::containsKey)
            .collect(Collectors.toSet());
    assertEquals(Set.of(), exact, "layers at the ends are exact");
    check(config);
  }

  private static void check(AutoencoderConfig config) {
    try (Device device = new CpuDevice();
        Network<AutoencoderConfig, ComponentCard> source = Network.fresh(device, config, CARD, 3);
        Network<AutoencoderConfig, ComponentCard> bytes =
            Calibration.quantize(source, 2, Noise::new, "noise", 4, _ -> {})) {
      float[] expected = output(source);
      float[] got = output(bytes);
      double error = 0;
      double size = 0;
      for (int i = 0; i < expected.length; i++) {
        error += Math.pow(got[i] - expected[i], 2);
        size += Math.pow(expected[i], 2);
      }
      double relative = Math.sqrt(error / size);
      assertTrue(relative > 0 && relative < 0.06, "relative error " + relative);
    }
  }

  private static float[] output(Network<AutoencoderConfig, ComponentCard> network) {
    Device device = network.device();
    PlanOptions options = PlanOptions.inference(1);
    try (Plan plan = Plan.inference(device, network.graph(), options, network.values())) {
      AutoencoderPorts ports = network.architecture().ports(network.graph());
      DeviceArrays.write(
          device, plan.address(ports.in()), normal(ROWS, (int) plan.count(ports.in())));
      plan.prepare();
      plan.forward();
      return DeviceArrays.read(device, plan.address(ports.out()), (int) plan.count(ports.out()));
    }
  }

  private static float[] normal(int row, int count) {
    float[] values = new float[count];
    Philox.normal(6, row, 0, values);
    return values;
  }

  /** Normal numbers in place of images and latents. */
  private record Noise(Plan plan) implements CalibrationInputs {
    @Override
    public int images() {
      return ROWS;
    }

    @Override
    public int count() {
      return ROWS;
    }

    @Override
    public void fill(int first) {
      int count = (int) plan.count(plan.graph().inputs().getFirst());
      DeviceArrays.write(
          plan.device(), plan.address(plan.graph().inputs().getFirst()), normal(first, count));
    }

    @Override
    public void close() {}
  }
}
