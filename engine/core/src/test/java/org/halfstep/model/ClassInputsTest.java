package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.junit.jupiter.api.Test;

class ClassInputsTest {
  @Test
  void labelsAreThoseOfTheNetwork() {
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, 8, 1);
        Plan plan =
            Plan.inference(device, network.graph(), PlanOptions.inference(2), network.weights());
        ClassInputs inputs = new ClassInputs(network, plan)) {
      int nullLabel = TinyNetworks.CLASSES;
      inputs.set(0, 0.5, 0, 0);
      inputs.set(1, 0.5, nullLabel, 0);
      inputs.push();
      try (HostView labels = device.view(plan.address("y"), 2 * Integer.BYTES)) {
        MemorySegment memory = labels.memory();
        assertEquals(nullLabel, memory.getAtIndex(ValueLayout.JAVA_INT, 1));
      }
      for (int label : new int[] {-1, nullLabel + 1, Integer.MAX_VALUE}) {
        IllegalArgumentException refused =
            assertThrows(IllegalArgumentException.class, () -> inputs.set(0, 0.5, label, 0));
        assertEquals(
            "this network's labels, with the null label if it has one, run from 0 to 3, got "
                + label,
            refused.getMessage());
      }
    }
  }
}
