package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TinyUNets;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.train.TableConditioned;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConversionErrorsTest {
  private static final int SIDE = 4;
  private static final int CLASSES = 3;
  private static final LatentRuns.Latents EXAMPLES =
      new LatentRuns.Latents(5, new Shape(SIDE, SIDE, 4), CLASSES, 0);

  private static Network<LatentUNetConfig, ModelCard> network(
      Device device, Parameterization predicts, long seed) {
    return TinyNetworks.perturbed(
        Network.fresh(
            device,
            new LatentUNetConfig(TinyUNets.smallest(0, CLASSES + 1), SIDE, SIDE, 1),
            ModelCard.teacher("patterns", List.of(), Map.of())
                .withDiffusion(Betas.STABLE_DIFFUSION, predicts, TimeGrid.UNIFORM),
            3),
        seed);
  }

  private static double[][] errors(
      Network<LatentUNetConfig, ModelCard> network, int perBin, int batch) {
    return ConversionErrors.errors(
        new TableConditioned(network), network.values(), EXAMPLES, perBin, batch, 9);
  }

  /** A network that says nothing has the error of what nothing stands for. */
  private static void silence(Network<LatentUNetConfig, ModelCard> network) {
    for (Parameter parameter : network.graph().parameters().values()) {
      if (parameter.name().startsWith("conv_out")) {
        network.weights().set(parameter, new float[(int) parameter.size()]);
      }
    }
  }

  @Test
  void errorsAreThoseOfEpsInTheirBins() {
    DiscreteSchedule schedule = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);
    try (Device device = new CpuDevice();
        Network<LatentUNetConfig, ModelCard> eps = network(device, Parameterization.EPS, 4);
        Network<LatentUNetConfig, ModelCard> v = network(device, Parameterization.V, 4)) {
      silence(eps);
      silence(v);
      ConversionErrors errors = new ConversionErrors(errors(eps, 40, 8), errors(v, 40, 8));
      for (int bin = 0; bin < ConversionErrors.BINS; bin++) {
        // eps = 0 is wrong by the noise itself; v = 0 says sigma z = sigma alpha x + sigma^2 eps.
        double sigma = schedule.sigma((bin + 0.5) / ConversionErrors.BINS);
        double alpha2 = 1 - sigma * sigma;
        assertEquals(1, errors.teacher(bin, false), 0.12, "bin " + bin);
        assertEquals(alpha2, errors.student(bin, true), 0.12, "bin " + bin);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aNetworkIsAsGoodAsItselfAndAnotherIsNot(boolean other) {
    try (Device device = new CpuDevice();
        Network<LatentUNetConfig, ModelCard> teacher = network(device, Parameterization.EPS, 4);
        Network<LatentUNetConfig, ModelCard> student =
            network(device, Parameterization.EPS, other ? 5 : 4)) {
      ConversionErrors errors = new ConversionErrors(errors(teacher, 4, 2), errors(student, 4, 2));
      assertEquals(other, errors.worst() > ConversionErrors.TOLERANCE);
      assertEquals(other, errors.describe().contains("more updates"), errors.describe());
      assertTrue(other || errors.worst() == 0);
    }
  }
}
