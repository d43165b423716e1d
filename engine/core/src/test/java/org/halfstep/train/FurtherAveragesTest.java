package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Moving averages of several decays at once. */
class FurtherAveragesTest {
  private static final int SIDE = 8;
  private static final double RATE = 1e-3;
  private static final List<Double> DECAYS = List.of(0.05, 0.7);
  private static final OptimizerSettings SETTINGS =
      OptimizerSettings.adam(0.3).withAverages(0.05, 0.7);

  @TempDir private Path folder;

  @Test
  void eachFollowsTheWeightsByItsOwnDecay() {
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(SIDE, 10);
        Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, SIDE, 3);
        Trainer trainer =
            new Trainer(
                new ClassConditioned(network),
                new LabelledImages(data, true),
                2,
                7,
                SETTINGS,
                (batch, draws) ->
                    new TeacherObjective(
                        batch, draws, LossWeighting.SNR_PLUS_1, 0.3, TinyNetworks.CLASSES))) {
      double[][] expected = new double[3][];
      float[] first = network.weights().toArray();
      for (int each = 0; each < expected.length; each++) {
        expected[each] = new double[first.length];
        for (int i = 0; i < first.length; i++) {
          expected[each][i] = first[i];
        }
      }
      double[] decays = {DECAYS.get(0), DECAYS.get(1), 0.3};
      for (int update = 0; update < 4; update++) {
        trainer.step(update, RATE);
        float[] weights = network.weights().toArray();
        for (int each = 0; each < expected.length; each++) {
          double kept = Math.min(decays[each], (2.0 + update) / (11.0 + update));
          for (int i = 0; i < weights.length; i++) {
            expected[each][i] = kept * expected[each][i] + (1 - kept) * weights[i];
          }
        }
      }
      List<MovingAverage> averages = trainer.optimizer().averages();
      assertEquals(DECAYS, averages.stream().map(MovingAverage::decay).toList());
      assertSame(expected[0], averages.get(0).slab().toArray());
      assertSame(expected[1], averages.get(1).slab().toArray());
      assertSame(expected[2], trainer.optimizer().ema().toArray());
    }
  }

  private static void assertSame(double[] expected, float[] found) {
    assertEquals(expected.length, found.length);
    for (int i = 0; i < found.length; i++) {
      assertEquals(expected[i], found[i], 1e-6 * Math.max(1, Math.abs(expected[i])));
    }
  }

  private boolean train(Path run, OptimizerSettings optimizer, BooleanSupplier stop)
      throws IOException {
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(SIDE, 10)) {
      return TeacherRun.run(
          device,
          data,
          "patterns",
          new TeacherSettings(
              TinyNetworks.config(SIDE, 0.1f),
              new RunSettings(2, 5, RATE, 0, true, optimizer, LossWeighting.SNR_PLUS_1),
              0.2,
              true,
              5,
              2),
          run,
          Resume.NEWEST,
          CheckpointsTest.silent(() -> {}),
          stop);
    }
  }

  @Test
  void aRunKeepsThemOverAStopAndWritesThemAtItsEnd() throws IOException {
    Path whole = folder.resolve("whole");
    assertTrue(train(whole, SETTINGS, () -> false));
    Path parts = folder.resolve("parts");
    int[] made = {0};
    assertFalse(train(parts, SETTINGS, () -> ++made[0] == 3));
    assertFalse(Files.exists(parts.resolve(PhaseRun.AVERAGES)));
    assertTrue(train(parts, SETTINGS, () -> false));
    for (double decay : DECAYS) {
      String name = PhaseRun.AVERAGES + "/teacher-" + decay + ".safetensors";
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(name)), Files.readAllBytes(parts.resolve(name)));
      try (Device device = new CpuDevice(1);
          Network<UNetConfig, ModelCard> model =
              Network.open(device, UNetConfig.FORMAT, parts.resolve(name))) {
        assertEquals(ModelCard.Role.TEACHER, model.card().role());
      }
    }
    assertFalse(
        java.util.Arrays.equals(
            Files.readAllBytes(whole.resolve("averages/teacher-0.05.safetensors")),
            Files.readAllBytes(whole.resolve("averages/teacher-0.7.safetensors"))));
    assertArrayEquals(
        Files.readAllBytes(whole.resolve(TeacherRun.FILE)),
        Files.readAllBytes(parts.resolve(TeacherRun.FILE)));
    assertThrows(
        IllegalArgumentException.class,
        () -> train(parts, OptimizerSettings.adam(0.3), () -> false));
  }

  @Test
  void decaysThatAreNoneAreRefused() {
    for (Double[] wrong : new Double[][] {{1.0}, {0.0}, {0.5, 0.5}, {Double.NaN}}) {
      assertThrows(
          IllegalArgumentException.class, () -> OptimizerSettings.adam(0.3).withAverages(wrong));
    }
    assertEquals(OptimizerSettings.adam(0.3), OptimizerSettings.adam(0.3).withAverages());
  }
}
