package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.model.TinyNetworks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that go on longer than they began, save more often, and what they write of their losses. */
class LongerRunTest {
  private static final int SIDE = 8;

  @TempDir private Path folder;
  private final List<String> notes = new ArrayList<>();
  private long every = 1;

  private static TeacherSettings settings(long updates, long checkpointEvery, double rate) {
    return new TeacherSettings(
        TinyNetworks.config(SIDE, 0.1f),
        new RunSettings(
            2, updates, rate, 1, false, OptimizerSettings.adam(0.9), LossWeighting.SNR_PLUS_1),
        0.2,
        true,
        5,
        checkpointEvery);
  }

  private boolean train(String name, TeacherSettings settings, BooleanSupplier stop)
      throws IOException {
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(SIDE, 10)) {
      return TeacherRun.run(
          device,
          data,
          "patterns",
          settings,
          folder.resolve(name),
          Resume.NEWEST,
          new RunListener() {
            @Override
            public void phase(String phase, long updatesDone, long updatesTotal) {}

            @Override
            public void update(long done, long total, double loss, double rate, double norm) {}

            @Override
            public void saved(Path file) {}

            @Override
            public long logEvery() {
              return every;
            }

            @Override
            public void note(String line) {
              notes.add(line);
            }
          },
          stop);
    }
  }

  private byte[] model(String name) throws IOException {
    return Files.readAllBytes(folder.resolve(name).resolve(TeacherRun.FILE));
  }

  private List<String> losses(String name) throws IOException {
    List<String> rows = new ArrayList<>();
    for (LossTable.Row row : LossTable.read(folder.resolve(name))) {
      rows.add(row.phase() + row.update() + " " + row.loss() + " " + row.learningRate());
    }
    return rows;
  }

  @Test
  void aFinishedRunBecomesLonger() throws IOException {
    assertTrue(train("long", settings(7, 100, 1e-3), () -> false));
    assertTrue(train("run", settings(3, 2, 1e-3), () -> false));
    assertEquals(List.of(), notes);
    assertTrue(train("run", settings(7, 1, 1e-3), () -> false));
    assertEquals(1, notes.size(), notes.toString());
    assertEquals(
        "going on with checkpointEvery 1 (it began with 2), run.updates 7 (it began with 3)",
        notes.getFirst());
    assertArrayEquals(model("long"), model("run"));
    assertEquals(losses("long"), losses("run"));
    assertEquals(7, losses("run").size());
  }

  @Test
  void aRunThatWasStoppedHasTheLossesOfOneThatWasNot() throws IOException {
    assertTrue(train("whole", settings(6, 2, 1e-3), () -> false));
    for (int part = 0; part < 3; part++) {
      int[] made = {0};
      train("parts", settings(6, 4, 1e-3), () -> ++made[0] == 2);
    }
    assertEquals(losses("whole"), losses("parts"));
    assertArrayEquals(model("whole"), model("parts"));
  }

  @Test
  void aCheckpointIsWrittenAfterTheLossesUpToIt() throws IOException {
    every = 100;
    int[] made = {0};
    train("run", settings(6, 4, 1e-3), () -> ++made[0] == 2);
    List<LossTable.Row> rows = LossTable.read(folder.resolve("run"));
    assertEquals(List.of(2L), rows.stream().map(LossTable.Row::update).toList());
  }

  @Test
  void whatChangesTheResultIsRefused() throws IOException {
    train("run", settings(5, 2, 1e-3), () -> true);
    for (TeacherSettings other : List.of(settings(4, 2, 1e-3), settings(5, 2, 2e-3))) {
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> train("run", other, () -> false));
      assertTrue(refused.getMessage().contains("holds a run with other settings"));
    }
    assertTrue(train("run", settings(5, 2, 1e-3), () -> false));
  }
}
