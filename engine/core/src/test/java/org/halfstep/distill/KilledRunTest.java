package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.halfstep.checkpoint.TinyPipeline;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs in processes that are killed with SIGKILL again and again end with the same bytes as a run
 * that nobody disturbs.
 */
class KilledRunTest {
  private static final int KILLS = 9;

  /** Of latent runs, whose lives take longer. */
  private static final int FEW_KILLS = 4;

  private static final int NEVER = -1;

  @TempDir Path folder;

  /** When a life ends. */
  private enum Death {
    /** While it waits inside the n-th event. */
    AT_EVENT,
    /** Some milliseconds after the n-th event: mostly in the middle of writing a checkpoint. */
    AFTER_EVENT,
    /** When a checkpoint that is being written has some of its files. */
    WHILE_WRITING
  }

  @Test
  @DisplayName("C7 resume: a teacher killed at any moment ends with the bits of an undisturbed run")
  void teacher() throws Exception {
    check("teacher", KILLS, List.of());
  }

  @Test
  @DisplayName(
      "C7 resume: a distillation killed at any moment ends with the bits of an undisturbed run")
  void distillation() throws Exception {
    Path made = folder.resolve("made");
    assertTrue(life("teacher", made, List.of(), NEVER, Death.AT_EVENT, new Random(0)));
    check("distill", KILLS, List.of(made.resolve("teacher.safetensors").toString()));
  }

  @Test
  @DisplayName("Encoders killed at any moment end with the bits of an undisturbed run")
  void encoders() throws Exception {
    Path made = folder.resolve("made");
    assertTrue(life("teacher", made, List.of(), NEVER, Death.AT_EVENT, new Random(0)));
    check("encode", FEW_KILLS, List.of(made.resolve("teacher.safetensors").toString()));
  }

  @Test
  @DisplayName("A text encoder and a latent UNet, killed at any moment, end with the same bits")
  void latentTeacher() throws Exception {
    TinyPipeline.write(folder.resolve("tiny"));
    check("latent teacher", FEW_KILLS, List.of(folder.resolve("tiny/diffusers").toString()));
  }

  @Test
  @DisplayName("Students of a latent model, killed at any moment, end with the same bits")
  void latentDistillation() throws Exception {
    TinyPipeline.write(folder.resolve("tiny"));
    check("latent distill", FEW_KILLS, List.of(folder.resolve("tiny/diffusers").toString()));
  }

  private void check(String kind, int kills, List<String> more) throws Exception {
    Path whole = folder.resolve("whole");
    assertTrue(life(kind, whole, more, NEVER, Death.AT_EVENT, new Random(0)));

    Path killed = folder.resolve("killed");
    Random random = new Random(7);
    for (int i = 0; i < kills; i++) {
      Death death = Death.values()[i % Death.values().length];
      // A life needs two events to get ahead: the phase's start, then an update with a checkpoint.
      int event = 2 + random.nextInt(3);
      if (life(kind, killed, more, event, death, random)) {
        break;
      }
    }
    assertTrue(life(kind, killed, more, NEVER, Death.AT_EVENT, random));

    Map<String, byte[]> expected = LatentRuns.models(whole);
    Map<String, byte[]> found = LatentRuns.models(killed);
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((name, bytes) -> assertArrayEquals(bytes, found.get(name), name));
    try (Stream<Path> left = Files.list(killed.resolve("checkpoints"))) {
      assertEquals(List.of(), left.filter(path -> path.toString().contains("writing-")).toList());
    }
  }

  /** Starts a run and ends it. Returns whether it was finished. */
  private boolean life(
      String kind, Path run, List<String> more, int events, Death death, Random random)
      throws IOException, InterruptedException {
    Path errors = folder.resolve("errors.txt");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-Dhalfstep.native=" + System.getProperty("halfstep.native"),
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                KilledRunChild.class.getName(),
                kind,
                run.toString(),
                Integer.toString(death == Death.AT_EVENT ? events : NEVER)));
    command.addAll(more);
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    boolean done = false;
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      String line;
      int heard = 0;
      while (!done && (line = lines.readLine()) != null) {
        done = line.equals(KilledRunChild.DONE);
        if (++heard == events) {
          if (death == Death.AFTER_EVENT) {
            Thread.sleep(random.nextInt(12));
          } else if (death == Death.WHILE_WRITING) {
            awaitWriting(process, run, random.nextInt(4));
          }
          break;
        }
      }
    } finally {
      if (!done) {
        process.destroyForcibly();
      }
    }
    int status = process.waitFor();
    String said = Files.readString(errors);
    assertFalse(said.contains("Exception"), said);
    if (events == NEVER) {
      assertTrue(done, said);
      assertEquals(0, status, said);
    }
    return done;
  }

  // Best effort: if the moment passes unseen, the run is killed a little later.
  private static void awaitWriting(Process process, Path run, int files) throws IOException {
    Path checkpoints = run.resolve("checkpoints");
    for (int tries = 0; tries < 5000 && process.isAlive(); tries++) {
      for (Path path : entries(checkpoints)) {
        if (path.getFileName().toString().startsWith("writing-") && entries(path).size() >= files) {
          return;
        }
      }
    }
  }

  private static List<Path> entries(Path path) {
    try (Stream<Path> found = Files.list(path)) {
      return found.toList();
    } catch (IOException gone) {
      return List.of();
    }
  }
}
