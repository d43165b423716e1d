package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.ConvolutionAlgorithm;
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
  static final int SIDE = 4;
  static final int UPDATES = 5;

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

  static TeacherSettings settings(long seed) {
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
    return train(run, seed, updates, Resume.NEWEST, new ArrayList<>());
  }

  private boolean train(Path run, long seed, int updates, Resume resume, List<String> notes)
      throws IOException {
    int[] made = {0};
    try (ImageDataset data = TinyNetworks.images(SIDE, 6)) {
      return TeacherRun.run(
          device,
          data,
          "patterns",
          settings(seed),
          run,
          resume,
          listener(() -> {}, notes),
          () -> ++made[0] == updates);
    }
  }

  static RunListener silent(Runnable onUpdate) {
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
    assertEquals(
        List.of("checkpoints", LossTable.FILE, "notes.txt", TeacherRun.FILE, LossLog.EVENTS),
        names(run));
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
    assertTrue(
        failure
            .getMessage()
            .endsWith(
                "the one before it, checkpoint-00000002 at update 2, is whole: go on from that one"
                    + " with --from-previous"),
        failure.getMessage());
    assertFalse(failure.getMessage().contains("\n"), failure.getMessage());
    goOnFromPrevious(run);
  }

  private void goOnFromPrevious(Path run) throws IOException {
    List<String> notes = new ArrayList<>();
    assertTrue(train(run, 1, UPDATES + 1, Resume.PREVIOUS_IF_DAMAGED, notes));
    assertTrue(notes.getFirst().contains("is kept as"), notes.getFirst());
    assertTrue(Files.exists(run.resolve("checkpoints").resolve("damaged-3")));
    assertArrayEquals(undisturbed(), Files.readAllBytes(run.resolve(TeacherRun.FILE)));
  }

  /** Damages of the newest checkpoint that a reader of its parts alone does not notice. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "older weights", "older optimizer", "older average", "average for weights",
            "one bit of weights",
        "one bit of optimizer", "zeros in weights", "update", "optimizer updates", "far update",
        "phase", "stage", "device", "fingerprint"
      })
  void silentDamage(String kind) throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    Path newest = run.resolve("checkpoints").resolve("checkpoint-00000003");
    Path older = run.resolve("checkpoints").resolve("checkpoint-00000002");
    Path weights = newest.resolve("weights.safetensors");
    Path optimizer = newest.resolve("optimizer.safetensors");
    switch (kind) {
      case "older weights" -> copy(older.resolve("weights.safetensors"), weights);
      case "older optimizer" -> copy(older.resolve("optimizer.safetensors"), optimizer);
      case "older average" ->
          copy(older.resolve("ema.safetensors"), newest.resolve("ema.safetensors"));
      case "average for weights" -> copy(newest.resolve("ema.safetensors"), weights);
      case "one bit of weights" -> flip(weights);
      case "one bit of optimizer" -> flip(optimizer);
      case "zeros in weights" -> {
        byte[] bytes = Files.readAllBytes(weights);
        Arrays.fill(bytes, bytes.length - 64, bytes.length, (byte) 0);
        Files.write(weights, bytes);
      }
      case "update" -> edit(newest, "\"update\" : 3", "\"update\" : 4");
      case "optimizer updates" ->
          edit(newest, "\"optimizerUpdates\" : 3", "\"optimizerUpdates\" : 2");
      case "far update" -> edit(newest, "\"update\" : 3", "\"update\" : 3000000");
      case "phase" -> edit(newest, "\"phase\" : \"teacher\"", "\"phase\" : \"teachex\"");
      case "stage" -> edit(newest, "\"stage\" : 0", "\"stage\" : 1");
      case "device" -> edit(newest, "\"device\" : \"cpu", "\"device\" : \"cpx");
      default -> edit(newest, "\"fingerprint\" : \"{", "\"fingerprint\" : \"[");
    }
    IOException failure =
        assertThrows(DamagedCheckpointException.class, () -> train(run, 1, UPDATES + 1));
    assertTrue(failure.getMessage().startsWith(newest + ": "), failure.getMessage());
    assertTrue(failure.getMessage().contains("--from-previous"), failure.getMessage());
    goOnFromPrevious(run);
  }

  @Test
  @DisplayName("Where no whole checkpoint is left, that is said, and nothing is set aside")
  void bothDamaged() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    for (String name : List.of("checkpoint-00000002", "checkpoint-00000003")) {
      flip(run.resolve("checkpoints").resolve(name).resolve("weights.safetensors"));
    }
    for (Resume resume : Resume.values()) {
      IOException failure =
          assertThrows(
              DamagedCheckpointException.class,
              () -> train(run, 1, UPDATES + 1, resume, new ArrayList<>()));
      assertTrue(failure.getMessage().contains("no whole one before it"), failure.getMessage());
    }
    assertTrue(Files.exists(run.resolve("checkpoints").resolve("checkpoint-00000003")));
  }

  @Test
  @DisplayName("Of two whole checkpoints the newest is gone on from, whatever is asked for")
  void wholeCheckpointsAreNotDropped() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    List<String> notes = new ArrayList<>();
    assertFalse(train(run, 1, 1, Resume.PREVIOUS_IF_DAMAGED, notes));
    assertEquals(List.of("the newest checkpoint is whole, so the run continues from it"), notes);
    assertEquals(
        List.of("checkpoint-00000003", "checkpoint-00000004", "lock"),
        names(run.resolve("checkpoints")));
  }

  @Test
  @DisplayName("Bounds hold where an older version wrote no digests; that is noted")
  void withoutDigests() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    Path newest = run.resolve("checkpoints").resolve("checkpoint-00000003");
    Path progress = newest.resolve("progress.json");
    String old =
        Files.readString(progress)
            .replaceAll(",\\s*\"parts\"(?s:.*)", "}")
            .replaceFirst(", SHA-256 [0-9a-f]{64}", "");
    for (String[] bad :
        new String[][] {
          {"\"update\" : 3", "\"update\" : 6"},
          {"\"stage\" : 0", "\"stage\" : 1"},
          {"\"phase\" : \"teacher\"", "\"phase\" : \"x\""},
          {"\"optimizerUpdates\" : 3", "\"optimizerUpdates\" : 4"},
          {"\"update\" : 3", "\"update\" : 1e400000000"},
          {"\"update\" : 3", "\"update\" : null"},
        }) {
      Files.writeString(progress, old.replace(bad[0], bad[1]));
      assertThrows(DamagedCheckpointException.class, () -> train(run, 1, UPDATES + 1), bad[1]);
    }
    Files.writeString(progress, old);
    List<String> notes = new ArrayList<>();
    assertTrue(train(run, 1, UPDATES + 1, Resume.NEWEST, notes));
    assertTrue(notes.getFirst().contains("without digests"), notes.getFirst());
    assertArrayEquals(undisturbed(), Files.readAllBytes(run.resolve(TeacherRun.FILE)));
  }

  @Test
  @DisplayName("checkpoint-9 comes before checkpoint-00000010")
  void numbersAreNumbers() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    Path checkpoints = run.resolve("checkpoints");
    Files.move(checkpoints.resolve("checkpoint-00000002"), checkpoints.resolve("checkpoint-9"));
    Files.move(
        checkpoints.resolve("checkpoint-00000003"), checkpoints.resolve("checkpoint-00000010"));
    assertFalse(train(run, 1, 1));
    assertEquals(List.of("checkpoint-00000010", "checkpoint-00000011", "lock"), names(checkpoints));
  }

  @Test
  @DisplayName("Images that changed are noticed, though their number and size are the same")
  void otherImages() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    byte[] pixels = new byte[6 * SIDE * SIDE];
    try (ImageDataset data =
        ImageDataset.of(pixels, new int[6], SIDE, SIDE, 1, List.of("a", "b", "c"))) {
      assertThrows(
          IllegalArgumentException.class,
          () ->
              TeacherRun.run(
                  device,
                  data,
                  "patterns",
                  settings(1),
                  run,
                  Resume.NEWEST,
                  silent(() -> {}),
                  () -> false));
    }
  }

  @Test
  @DisplayName("A finished model file that was changed is written again from its checkpoint")
  void changedModelFile() throws IOException {
    Path run = folder.resolve("run");
    assertTrue(train(run, 1, UPDATES + 1));
    Path model = run.resolve(TeacherRun.FILE);
    byte[] written = Files.readAllBytes(model);
    flip(model);
    List<String> notes = new ArrayList<>();
    assertTrue(train(run, 1, UPDATES + 1, Resume.NEWEST, notes));
    assertTrue(notes.getFirst().contains("not as it was written"), notes.getFirst());
    assertArrayEquals(written, Files.readAllBytes(model));
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void flip(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 3] ^= 1;
    Files.write(file, bytes);
  }

  private static void edit(Path checkpoint, String before, String after) throws IOException {
    Path file = checkpoint.resolve("progress.json");
    String text = Files.readString(file);
    assertTrue(text.contains(before), text);
    Files.writeString(file, text.replace(before, after));
  }

  @Test
  @DisplayName("Going on with another convolution or other threads is said, since it changes bits")
  void anotherDevice() throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 1, 3));
    String before = device.arithmetic();
    device.close();
    device = new CpuDevice(1, ConvolutionAlgorithm.DIRECT);
    List<String> notes = new ArrayList<>();
    assertTrue(train(run, 1, UPDATES + 1, Resume.NEWEST, notes));
    assertEquals(1, notes.size());
    assertTrue(notes.getFirst().contains(before), notes.getFirst());
    assertTrue(notes.getFirst().contains(device.arithmetic()), notes.getFirst());
    assertTrue(device.arithmetic().contains("convolutions direct"), device.arithmetic());
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
                Resume.NEWEST,
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
