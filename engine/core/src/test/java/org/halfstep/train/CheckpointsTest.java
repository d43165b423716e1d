package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.model.TinyNetworks;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a run makes of a folder that is not as it should be. */
class CheckpointsTest {
  private static final int SIDE = 4;
  private static final int UPDATES = 5;

  @TempDir Path folder;
  private Device device;

  @BeforeEach
  void open() {
    device = new CpuDevice();
  }

  @AfterEach
  void close() {
    device.close();
  }

  private static TeacherSettings settings(long seed) {
    return new TeacherSettings(
        TinyNetworks.config(SIDE, 0),
        new RunSettings(
            2, UPDATES, 1e-3, 0, false, OptimizerSettings.adam(0.9), LossWeighting.SNR_PLUS_1),
        0.1,
        false,
        seed,
        1);
  }

  /** Trains; the run stops after {@code updates} updates. */
  private boolean train(Path run, long seed, int updates) throws IOException {
    int[] made = {0};
    try (ImageDataset data = TinyNetworks.images(SIDE, 6)) {
      return TeacherRun.run(
          device,
          data,
          "patterns",
          settings(seed),
          run,
          silent(() -> {}),
          () -> ++made[0] == updates);
    }
  }

  private static RunListener silent(Runnable onUpdate) {
    return listener(onUpdate, new ArrayList<>());
  }

  private static RunListener listener(Runnable onUpdate, List<String> notes) {
    return new RunListener() {
      @Override
      public void phase(String name, long updatesDone, long updatesTotal) {}

      @Override
      public void update(long done, long total, double loss, double rate, double norm) {
        onUpdate.run();
      }

      @Override
      public void saved(Path file) {}

      @Override
      public void note(String line) {
        notes.add(line);
      }
    };
  }

  private byte[] undisturbed() throws IOException {
    Path run = folder.resolve("undisturbed");
    assertTrue(train(run, 1, UPDATES + 1));
    return Files.readAllBytes(run.resolve(TeacherRun.FILE));
  }

  private static List<String> names(Path run) throws IOException {
    try (Stream<Path> found = Files.list(run)) {
      return found.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  @DisplayName("What killed writers leave behind is swept away, and two checkpoints are kept")
  void leftoversAreRemoved() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    Path checkpoints = run.resolve("checkpoints");
    Files.createDirectories(checkpoints.resolve("writing-4"));
    Files.writeString(checkpoints.resolve("writing-4").resolve("weights.safetensors"), "half");
    Files.writeString(run.resolve(".teacher.safetensors.77-1.partial"), "half");
    Files.writeString(run.resolve("notes.txt"), "the user's own");
    assertTrue(train(run, 1, UPDATES + 1));
    assertEquals(List.of("checkpoint-00000004", "checkpoint-00000005", "lock"), names(checkpoints));
    assertEquals(List.of("checkpoints", "notes.txt", TeacherRun.FILE), names(run));
    assertArrayEquals(undisturbed(), Files.readAllBytes(run.resolve(TeacherRun.FILE)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "weights.safetensors",
        "ema.safetensors",
        "optimizer.safetensors",
        "progress.json",
        "-weights.safetensors",
        "-optimizer.safetensors",
        "-progress.json"
      })
  @DisplayName("A damaged newest checkpoint gets one line that names it and says what to do")
  void damagedCheckpoint(String file) throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    Path newest = run.resolve("checkpoints").resolve("checkpoint-00000003");
    Path damaged = newest.resolve(file.replaceFirst("^-", ""));
    if (file.startsWith("-")) {
      Files.delete(damaged);
    } else {
      byte[] bytes = Files.readAllBytes(damaged);
      Files.write(damaged, Arrays.copyOf(bytes, bytes.length / 2));
    }
    IOException failure = assertThrows(IOException.class, () -> train(run, 1, UPDATES + 1));
    assertTrue(failure.getMessage().startsWith(newest + ": "), failure.getMessage());
    assertTrue(failure.getMessage().contains("remove this folder"), failure.getMessage());
    assertFalse(failure.getMessage().contains("\n"), failure.getMessage());
    for (String name : names(newest)) {
      Files.delete(newest.resolve(name));
    }
    Files.delete(newest);
    assertTrue(train(run, 1, UPDATES + 1));
    assertArrayEquals(undisturbed(), Files.readAllBytes(run.resolve(TeacherRun.FILE)));
  }

  @Test
  @DisplayName("Going on with another number of threads is said, since it changes the last bits")
  void anotherDevice() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    Path progress =
        run.resolve("checkpoints").resolve("checkpoint-00000003").resolve("progress.json");
    String here = device.name();
    Files.writeString(progress, Files.readString(progress).replace(here, "cpu (99 threads)"));
    List<String> notes = new ArrayList<>();
    try (ImageDataset data = TinyNetworks.images(SIDE, 6)) {
      TeacherRun.run(
          device, data, "patterns", settings(1), run, listener(() -> {}, notes), () -> false);
    }
    assertEquals(1, notes.size());
    assertTrue(notes.getFirst().contains("cpu (99 threads)"), notes.getFirst());
    assertTrue(notes.getFirst().contains(here), notes.getFirst());
  }

  @Test
  @DisplayName("A folder with a run of other settings is refused in one line and left alone")
  void otherSettings() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 2));
    List<String> before = names(run.resolve("checkpoints"));
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> train(run, 2, UPDATES + 1));
    assertTrue(refused.getMessage().startsWith(run + ": holds a run with other settings"));
    assertFalse(refused.getMessage().contains("\n"));
    assertEquals(before, names(run.resolve("checkpoints")));
    assertTrue(train(run, 1, UPDATES + 1));
  }

  @Test
  @DisplayName("A folder that another run is using is refused")
  void folderInUse() throws IOException {
    Path run = folder.resolve("run");
    try (Checkpoints held = new Checkpoints(run)) {
      assertTrue(held.latest().isEmpty());
      IOException refused = assertThrows(IOException.class, () -> train(run, 1, UPDATES + 1));
      assertTrue(refused.getMessage().startsWith(run + ": another run is using"));
    }
    assertTrue(train(run, 1, UPDATES + 1));
  }

  @Test
  @DisplayName("A checkpoint that cannot be written ends the run and costs only its own updates")
  void unwritableCheckpoint() throws IOException {
    Path run = folder.resolve("run");
    Path obstacle = run.resolve("checkpoints").resolve("writing-3");
    int[] made = {0};
    assertThrows(
        IOException.class,
        () -> {
          try (ImageDataset data = TinyNetworks.images(SIDE, 6)) {
            TeacherRun.run(
                device,
                data,
                "patterns",
                settings(1),
                run,
                silent(
                    () -> {
                      if (++made[0] == 3) {
                        write(obstacle);
                      }
                    }),
                () -> false);
          }
        });
    assertEquals(3, made[0]);
    Files.delete(obstacle);
    assertTrue(train(run, 1, UPDATES + 1));
    assertArrayEquals(undisturbed(), Files.readAllBytes(run.resolve(TeacherRun.FILE)));
  }

  private static void write(Path file) {
    try {
      Files.writeString(file, "in the way");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
