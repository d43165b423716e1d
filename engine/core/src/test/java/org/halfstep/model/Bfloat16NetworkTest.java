package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.Test;

/**
 * A whole network with bfloat16 activations against the same network in float32. Eight bits of
 * mantissa are a relative rounding of 2^-9 per value; a dozen layers deep a few percent remain.
 */
class Bfloat16NetworkTest {
  private static final int BATCH = 3;
  private static final int SIDE = 8;
  private static final double OUTPUT_TOLERANCE = 0.03;
  private static final double GRADIENT_TOLERANCE = 0.1;

  /** What one forward and backward pass gives. */
  private record Pass(float[] out, float[] dx, float[] gradients) {}

  @Test
  void forwardAndBackwardStayCloseToFloat32() {
    try (Device device = new CpuDevice();
        Network<UNetConfig, ModelCard> network = TinyNetworks.guided(device, SIDE, 4, 5)) {
      Pass exact = run(network, DataType.F32);
      Pass rounded = run(network, DataType.BF16);
      double out = error(rounded.out(), exact.out());
      assertTrue(out < OUTPUT_TOLERANCE, "output " + out);
      assertTrue(out > 0, "bfloat16 was not used");
      assertTrue(error(rounded.dx(), exact.dx()) < GRADIENT_TOLERANCE, "dx");
      double gradients = error(rounded.gradients(), exact.gradients());
      assertTrue(gradients < GRADIENT_TOLERANCE, "parameter gradients " + gradients);
    }
  }

  private static Pass run(Network<UNetConfig, ModelCard> network, DataType type) {
    Device device = network.device();
    PlanOptions options =
        PlanOptions.training(BATCH, 0)
            .withType(type)
            .withInputGradients(Set.of(network.architecture().ports(network.graph()).x()));
    try (ParameterSlab gradients = new ParameterSlab(device, network.graph(), "gradients");
        Plan plan = Plan.training(device, network.graph(), options, network.weights(), gradients);
        ClassInputs inputs = new ClassInputs(network, plan)) {
      int count = (int) plan.count("x");
      DeviceArrays.write(device, plan.address("x"), noise(count, 1));
      for (int row = 0; row < BATCH; row++) {
        inputs.set(row, 0.2 + 0.3 * row, row % TinyNetworks.CLASSES, row);
      }
      inputs.push();
      plan.prepare();
      plan.forward();
      DeviceArrays.write(device, plan.gradientAddress("out"), noise(count, 2));
      plan.backward();
      return new Pass(
          DeviceArrays.read(device, plan.address("out"), count),
          DeviceArrays.read(device, plan.gradientAddress("x"), count),
          gradients.toArray());
    }
  }

  private static float[] noise(int count, int draw) {
    float[] values = new float[count];
    Philox.normal(9, 0, draw, values);
    return values;
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
