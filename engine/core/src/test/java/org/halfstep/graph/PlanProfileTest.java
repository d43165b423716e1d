package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.halfstep.device.Ceiling;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.Test;

/** A profile counts the arithmetic that is done, beside that of the direct form. */
class PlanProfileTest {
  private static PlanProfile profile(ConvolutionAlgorithm algorithm) {
    try (Device device = new CpuDevice(1, algorithm);
        Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, 16, 1);
        Plan plan =
            Plan.inference(device, network.graph(), PlanOptions.inference(2), network.values())) {
      plan.prepare();
      return PlanProfile.forward(plan, 2);
    }
  }

  @Test
  void winogradsConvolutionsDoLessThanTheDirectForm() {
    PlanProfile direct = profile(ConvolutionAlgorithm.DIRECT);
    assertEquals(direct.totalFlops(), direct.totalFlopsDone());
    PlanProfile fastest = profile(ConvolutionAlgorithm.FASTEST);
    assertEquals(direct.totalFlops(), fastest.totalFlops());
    assertTrue(fastest.totalFlopsDone() < fastest.totalFlops() / 2, "" + fastest.totalFlopsDone());

    Ceiling ceiling = new Ceiling(100, 10, "products", "copies");
    PlanProfile.Row row =
        fastest.kinds().stream()
            .filter(kind -> kind.name().equals("conv3 forward"))
            .findFirst()
            .orElseThrow();
    assertEquals(row.flopsDone() / row.nanoseconds() / 100, row.shareOf(ceiling), 1e-9);
    assertTrue(row.directGigaflopsPerSecond() > row.gigaflopsPerSecond());
    String table = fastest.table(fastest.kinds(), Optional.of(ceiling));
    assertTrue(table.lines().findFirst().orElseThrow().endsWith("as direct"), table);
    assertTrue(
        table.lines().anyMatch(line -> line.matches("conv3 forward .*%.* GFLOP/s.*% .* GFLOP/s")),
        table);
    String plain = direct.table(direct.kinds(), Optional.of(ceiling));
    assertFalse(plain.lines().anyMatch(line -> line.endsWith("% .* GFLOP/s")), plain);
  }
}
