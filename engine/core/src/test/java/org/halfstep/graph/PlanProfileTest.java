package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
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

  /**
   * F(4x4, 3x3) multiplies 36 numbers for 16 pixels of 9 taps, F(2x2, 3x3) 16 for 4: by hand, for
   * every pass of every convolution of a training step.
   */
  @Test
  void everyPassCountsTheProductsOfItsOwnTiles() {
    Map<String, Integer> winograds = new TreeMap<>();
    try (Device device = new CpuDevice(1, ConvolutionAlgorithm.FASTEST);
        Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, 16, 1);
        ParameterSlab gradients = new ParameterSlab(device, network.graph(), "gradients");
        Plan plan =
            Plan.training(
                device,
                network.graph(),
                PlanOptions.training(2, 0),
                network.weights(),
                gradients)) {
      List<StepInfo> steps = new ArrayList<>(plan.forwardSteps());
      steps.addAll(plan.backwardSteps());
      for (StepInfo step : steps) {
        if (step.flopsDone() != step.flops()) {
          boolean large = 4 * step.flopsDone() == step.flops();
          boolean small = 9 * step.flopsDone() == 4 * step.flops();
          assertTrue(large || small, step.toString());
          winograds.merge(step.kind(), 1, Integer::sum);
        }
      }
    }
    assertEquals(
        Set.of("conv3 forward", "conv3 backward data", "conv3 backward weights"),
        winograds.keySet());
  }
}
