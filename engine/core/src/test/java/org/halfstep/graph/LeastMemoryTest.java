package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.SmallDevice;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.TinyNetworks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot fit is refused before a library makes anything for it. */
class LeastMemoryTest {
  private static final Graph GRAPH = TinyNetworks.config(8, 0).graph();

  @Test
  void aPlanThatCannotFitIsRefusedBeforeItsOperationsAreMade() {
    PlanOptions options = PlanOptions.inference(PlanOptions.MOST_BATCH);
    try (SmallDevice device = new SmallDevice(new CpuDevice(1), 100L << 20)) {
      OutOfMemoryError refused =
          assertThrows(
              OutOfMemoryError.class, () -> Plan.inference(device, GRAPH, options, null).close());
      assertTrue(
          refused
              .getMessage()
              .startsWith("a plan of batch " + PlanOptions.MOST_BATCH + " needs at least "),
          refused.getMessage());
      assertTrue(refused.getMessage().contains("has 100 MiB left"), refused.getMessage());
      assertEquals(0, device.asked());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 64})
  void aPlanNeedsNoLess(int batch) {
    try (Device device = new CpuDevice(1)) {
      for (DataType type : new DataType[] {DataType.F32, DataType.BF16}) {
        for (PlanOptions options :
            new PlanOptions[] {PlanOptions.inference(batch), PlanOptions.training(batch, 1)}) {
          long whole = Plan.requiredBytes(device, GRAPH, options.withType(type));
          long least = LeastMemory.bytes(GRAPH, options.withType(type));
          assertTrue(least > 0 && least <= whole, least + " of " + whole);
        }
      }
    }
  }
}
