package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.Test;

/** Training does not notice how convolutions are computed. */
class ConvolutionCurvesTest {
  private static final int SIDE = 8;
  private static final int UPDATES = 40;

  /** Of each loss; rounding errors grow with every update. */
  private static final double TOLERANCE = 1e-3;

  @Test
  void lossesAreTheSame() {
    double[] direct = losses(ConvolutionAlgorithm.DIRECT);
    assertTrue(direct[UPDATES - 1] < 0.7 * direct[0], Arrays.toString(direct));
    for (ConvolutionAlgorithm algorithm :
        new ConvolutionAlgorithm[] {
          ConvolutionAlgorithm.FASTEST,
          ConvolutionAlgorithm.WINOGRAD2,
          ConvolutionAlgorithm.WINOGRAD4
        }) {
      double[] losses = losses(algorithm);
      assertFalse(Arrays.equals(direct, losses), algorithm + " computes direct sums");
      for (int update = 0; update < UPDATES; update++) {
        assertEquals(
            direct[update],
            losses[update],
            TOLERANCE * direct[update],
            algorithm + " at update " + update);
      }
    }
  }

  private static double[] losses(ConvolutionAlgorithm algorithm) {
    OptimizerSettings settings = new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, 0);
    double[] losses = new double[UPDATES];
    try (Device device = new CpuDevice(0, algorithm);
        ImageDataset data = TinyNetworks.images(SIDE, 3);
        Network<UNetConfig, ModelCard> network =
            Network.fresh(device, TinyNetworks.config(SIDE, 0), TinyNetworks.teacherCard(), 1);
        Trainer trainer =
            new Trainer(
                new ClassConditioned(network),
                new LabelledImages(data, false),
                4,
                2,
                settings,
                (batch, draws) ->
                    new TeacherObjective(batch, draws, LossWeighting.SNR_PLUS_1, 0.1, 3))) {
      for (int update = 0; update < UPDATES; update++) {
        losses[update] = trainer.step(update, 1e-3);
      }
    }
    return losses;
  }
}
