package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.halfstep.HeapAllocation;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.Test;

class TrainerAllocationTest {
  private static final int SIDE = 4;
  private static final int IMAGES = 4096;
  private static final int BATCH = 3;

  @Test
  void aWarmStepAllocatesNothing() {
    UNetConfig config =
        new UNetConfig(
            SIDE,
            1,
            32,
            1,
            1,
            List.of(SIDE),
            List.of(1.0, 1.0),
            2,
            true,
            32,
            null,
            true,
            false,
            false,
            false,
            0.1f,
            null);
    List<String> classes = List.of("dark", "light");
    byte[] pixels = new byte[IMAGES * SIDE * SIDE];
    new java.util.Random(1).nextBytes(pixels);
    int[] labels = new int[IMAGES];
    for (int i = 0; i < IMAGES; i++) {
      labels[i] = i % 2;
    }
    try (Device device = new CpuDevice();
        ImageDataset data = ImageDataset.of(pixels, labels, SIDE, SIDE, 1, classes);
        Network<UNetConfig, ModelCard> network =
            Network.fresh(
                device, config, ModelCard.teacher("noise", classes, java.util.Map.of()), 1);
        Trainer trainer =
            new Trainer(
                new ClassConditioned(network),
                new LabelledImages(data, true),
                BATCH,
                1,
                OptimizerSettings.adam(0.9),
                (batch, draws) ->
                    new TeacherObjective(batch, draws, LossWeighting.TRUNCATED_SNR, 0.5, 2))) {
      long[] update = {0};
      assertEquals(0, HeapAllocation.bytes(() -> trainer.step(update[0]++, 1e-4)));
    }
  }
}
