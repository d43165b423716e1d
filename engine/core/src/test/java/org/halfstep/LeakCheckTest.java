package org.halfstep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Graph;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.Test;

/** Every owner gives back what it took, and one that does not is noticed. */
class LeakCheckTest {
  private static final UNetConfig TINY =
      new UNetConfig(
          8,
          1,
          32,
          1,
          1,
          List.of(4),
          List.of(1.0, 1.0),
          3,
          true,
          16,
          null,
          true,
          false,
          true,
          true,
          0.1f,
          16);

  @Test
  void plansAndParametersGiveEverythingBack() {
    List<String> before = Slab.live();
    Graph graph = TINY.graph();
    try (Device device = new CpuDevice();
        ParameterSlab weights = new ParameterSlab(device, graph, "weights");
        ParameterSlab gradients = new ParameterSlab(device, graph, "gradients")) {
      for (int batch = 1; batch <= 3; batch++) {
        PlanOptions options = PlanOptions.training(batch, 0);
        try (Plan plan = Plan.training(device, graph, options, weights, gradients)) {
          assertTrue(LeakCheck.since(before).toString().contains("batch " + batch));
          plan.forward();
        }
      }
    }
    assertEquals(List.of(), LeakCheck.since(before));
  }

  @Test
  void aSlabThatIsNotClosedIsNamed() {
    List<String> before = Slab.live();
    try (Device device = new CpuDevice();
        Slab forgotten = device.allocate("forgotten", 100)) {
      assertEquals(100, forgotten.bytes());
      assertEquals(List.of("forgotten (100 bytes)"), LeakCheck.since(before));
    }
    assertEquals(List.of(), LeakCheck.since(before));
  }
}
