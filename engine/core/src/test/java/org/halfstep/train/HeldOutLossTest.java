package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.tensorboard.EventRecords;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The loss on images that are not learned from. */
class HeldOutLossTest {
  private static final int SIDE = 8;
  private static final int VALUES = SIDE * SIDE;
  private static final long SEED = 7;
  private static final int COUNT = 40;

  @TempDir private Path folder;

  private static Trainer trainer(Network<UNetConfig, ModelCard> network, ImageDataset data) {
    return new Trainer(
        new ClassConditioned(network),
        new LabelledImages(data, true),
        4,
        SEED,
        OptimizerSettings.adam(0.9),
        (batch, draws) ->
            new TeacherObjective(
                batch, draws, LossWeighting.SNR_PLUS_1, 0.3, TinyNetworks.CLASSES));
  }

  /** A fresh network's output is zero, so its loss is the mean square of v itself. */
  @Test
  void itIsWhatPlainSumsGive() {
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(SIDE, 10);
        ImageDataset held = TinyNetworks.images(SIDE, 17);
        Network<UNetConfig, ModelCard> network =
            Network.fresh(device, TinyNetworks.config(SIDE, 0), TinyNetworks.teacherCard(), 3);
        Trainer trainer = trainer(network, data)) {
      HeldOutLoss found = trainer.heldOutLoss(new LabelledImages(held, false), COUNT).orElseThrow();
      NoiseSchedule schedule = TinyNetworks.teacherCard().noiseSchedule();
      ExampleDraws draws = new ExampleDraws(SEED, schedule);
      double[] sums = new double[HeldOutLoss.BINS];
      int[] counts = new int[HeldOutLoss.BINS];
      double all = 0;
      for (int i = 0; i < COUNT; i++) {
        long example = (1L << 48) + i;
        double t = draws.time(example);
        byte[] image = held.batch((int) (example % 17)).pixels();
        double squares = 0;
        for (int at = 0; at < VALUES; at++) {
          double x = (image[at] & 0xff) / 127.5 - 1;
          double eps = Philox.normal(SEED, example, ExampleDraws.NOISE, at);
          double v = schedule.alpha(t) * eps - schedule.sigma(t) * x;
          squares += v * v;
        }
        int bin = Math.min((int) (10 * t), 9);
        sums[bin] += squares / VALUES;
        counts[bin]++;
        all += squares / VALUES;
      }
      assertEquals(all / COUNT, found.mean(), 1e-5);
      for (int bin = 0; bin < HeldOutLoss.BINS; bin++) {
        assertEquals(sums[bin] / counts[bin], found.bins()[bin], 1e-5, "bin " + bin);
      }
    }
  }

  @Test
  void measuringChangesNothing() {
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(SIDE, 10)) {
      float[][] weights = new float[2][];
      for (int measured = 0; measured < 2; measured++) {
        try (Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, SIDE, 3);
            Trainer trainer = trainer(network, data)) {
          for (int update = 0; update < 3; update++) {
            trainer.step(update, 1e-3);
            if (measured == 1) {
              Examples held = new LabelledImages(data, false);
              HeldOutLoss once = trainer.heldOutLoss(held, 8).orElseThrow();
              HeldOutLoss again = trainer.heldOutLoss(held, 8).orElseThrow();
              assertArrayEquals(once.bins(), again.bins());
            }
          }
          weights[measured] = network.weights().toArray();
        }
      }
      assertArrayEquals(weights[0], weights[1]);
    }
  }

  private boolean train(Path run, List<String> heard, BooleanSupplier stop) throws IOException {
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(SIDE, 10);
        ImageDataset held = TinyNetworks.images(SIDE, 8)) {
      RunListener listener =
          new RunListener() {
            @Override
            public void phase(String name, long updatesDone, long updatesTotal) {}

            @Override
            public void update(long done, long total, double loss, double rate, double norm) {}

            @Override
            public void saved(Path file) {}

            @Override
            public Optional<Examples> heldOut() {
              return Optional.of(new LabelledImages(held, false));
            }

            @Override
            public void heldOut(long update, HeldOutLoss loss) {
              heard.add(update + " " + loss.mean());
            }

            @Override
            public void checkpoint(String phase, long update, Path weights) throws IOException {
              assertTrue(Files.exists(weights));
              heard.add(phase + " " + update + " " + weights.getFileName());
            }

            @Override
            public void note(String line) {
              heard.add(line);
            }
          };
      return TeacherRun.run(
          device,
          data,
          "patterns",
          new TeacherSettings(
              TinyNetworks.config(SIDE, 0.1f),
              new RunSettings(
                  2, 5, 1e-3, 0, true, OptimizerSettings.adam(0.9), LossWeighting.SNR_PLUS_1),
              0.2,
              true,
              5,
              2),
          run,
          Resume.NEWEST,
          listener,
          stop);
    }
  }

  @Test
  void runsWriteItAtTheirCheckpoints() throws IOException {
    List<String> heard = new ArrayList<>();
    Path whole = folder.resolve("whole");
    assertTrue(train(whole, heard, () -> false));
    List<String> rows = Files.readAllLines(whole.resolve("held-out.csv"));
    assertEquals("phase,update,loss,t0,t1,t2,t3,t4,t5,t6,t7,t8,t9", rows.getFirst());
    assertEquals(4, rows.size());
    assertTrue(rows.get(3).startsWith("teacher,5,"), rows.get(3));
    assertEquals(6, heard.size(), heard.toString());
    assertEquals("teacher 2 ema.safetensors", heard.get(1));
    assertTrue(rows.get(1).startsWith("teacher,2," + heard.getFirst().substring(2)));
    assertTrue(
        EventRecords.inFolder(whole.resolve("tensorboard"), "teacher").stream()
            .anyMatch(event -> event.values().containsKey("held-out loss")));
    Path parts = folder.resolve("parts");
    int[] made = {0};
    assertFalse(train(parts, heard, () -> ++made[0] == 4));
    // As if it had been killed after this was measured, and before its checkpoint.
    Files.writeString(
        parts.resolve("held-out.csv"), rows.get(3) + "\n", java.nio.file.StandardOpenOption.APPEND);
    assertTrue(train(parts, heard, () -> false));
    assertEquals(rows, Files.readAllLines(parts.resolve("held-out.csv")));
  }
}
