package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.distill.SmallRuns.Events;
import org.halfstep.train.Resume;
import org.halfstep.train.TeacherRun;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs that end at each event in turn, go on from there, and must give the same bytes. */
class CrashedRunTest {
  private static final long CHECKPOINT_EVERY = 2;

  @TempDir Path folder;
  private Device device;

  private static final class Crash extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @FunctionalInterface
  private interface Run {
    boolean into(Path path, Events listener) throws IOException;
  }

  @BeforeEach
  void open() {
    device = new CpuDevice();
  }

  @AfterEach
  void close() {
    device.close();
  }

  @Test
  @DisplayName("C7 resume: a teacher that stops at any event goes on to the same bits")
  void teacher() throws IOException {
    checkEveryEvent((path, events) -> SmallRuns.train(device, path, CHECKPOINT_EVERY, events));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("C7 stage stored: a distillation that stops at any event goes on to the same bits")
  void distillation(boolean stochastic) throws IOException {
    Path teacher = teacherFile();
    checkEveryEvent(
        (path, events) ->
            SmallRuns.distill(
                device,
                teacher,
                path,
                SmallRuns.distillation(CHECKPOINT_EVERY, stochastic),
                events));
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("Encoders and naive students that stop at any event go on to the same bits")
  void otherStudents(StudentKind kind) throws IOException {
    Path teacher = teacherFile();
    checkEveryEvent(
        (path, events) ->
            SmallRuns.distill(
                device, teacher, path, SmallRuns.distillation(CHECKPOINT_EVERY, kind), events));
  }

  private Path teacherFile() throws IOException {
    Path made = folder.resolve("made");
    SmallRuns.train(device, made, CHECKPOINT_EVERY, Events.collecting());
    return made.resolve("teacher.safetensors");
  }

  private void checkEveryEvent(Run run) throws IOException {
    Path whole = folder.resolve("whole");
    Events heard = Events.collecting();
    assertTrue(run.into(whole, heard));
    Map<String, byte[]> expected = SmallRuns.models(whole);

    for (int last = 1; last <= heard.lines().size(); last++) {
      Path crashed = folder.resolve("crashed-" + last);
      List<String> before = new ArrayList<>();
      int end = last;
      assertThrows(
          Crash.class,
          () ->
              run.into(
                  crashed,
                  Events.calling(
                      line -> {
                        before.add(line);
                        if (before.size() == end) {
                          throw new Crash();
                        }
                      })));
      Events after = Events.collecting();
      assertTrue(run.into(crashed, after));
      // Losses of the resumed updates are the same numbers too, and nothing is done that a
      // checkpoint covers.
      List<String> updates = after.lines().stream().filter(l -> l.startsWith("update")).toList();
      List<String> all = heard.lines().stream().filter(l -> l.startsWith("update")).toList();
      assertEquals(all.subList(all.size() - updates.size(), all.size()), updates);
      assertTrue(after.lines().size() <= heard.lines().size() - last + CHECKPOINT_EVERY + 2);
      Map<String, byte[]> found = SmallRuns.models(crashed);
      assertEquals(expected.keySet(), found.keySet());
      expected.forEach((name, bytes) -> assertArrayEquals(bytes, found.get(name), name));
    }

    Events again = Events.collecting();
    assertTrue(run.into(whole, again));
    assertEquals(List.of(), again.lines(), "a finished run has nothing to do");
    assertEquals(1, again.notes().size());
  }

  @Test
  @DisplayName(
      "A run that is asked to stop does so after a checkpoint, and goes on to the same bits")
  void stopsWhenAsked() throws IOException {
    Path whole = folder.resolve("whole");
    SmallRuns.train(device, whole, 100, Events.collecting());
    Path stopped = folder.resolve("stopped");
    boolean[] finished = {false};
    for (int lives = 1; !finished[0]; lives++) {
      try (ImageDataset data = SmallRuns.data()) {
        finished[0] =
            TeacherRun.run(
                device,
                data,
                "patterns",
                SmallRuns.teacher(100),
                stopped,
                Resume.NEWEST,
                Events.collecting(),
                () -> true);
      }
      assertEquals(lives == SmallRuns.TEACHER_UPDATES, finished[0]);
    }
    assertArrayEquals(
        Files.readAllBytes(whole.resolve("teacher.safetensors")),
        Files.readAllBytes(stopped.resolve("teacher.safetensors")));
  }

  @Test
  @DisplayName("A distillation goes on only from the teacher it was started from")
  void anotherTeacherIsRefused() throws IOException {
    Path teacher = teacherFile();
    Path other = folder.resolve("other.safetensors");
    byte[] bytes = Files.readAllBytes(teacher);
    bytes[bytes.length - 1] ^= 1;
    Files.write(other, bytes);
    Path run = folder.resolve("run");
    DistillationSettings settings = SmallRuns.distillation(1, false);
    SmallRuns.distill(device, teacher, run, settings, Events.collecting());
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> SmallRuns.distill(device, other, run, settings, Events.collecting()));
    assertTrue(refused.getMessage().startsWith(run.toString()), refused.getMessage());
    assertFalse(refused.getMessage().contains("\n"));
  }

  @Test
  @DisplayName("A student is no teacher, and a lost teacher of a stage is named")
  void unusableTeachers() throws IOException {
    Path teacher = teacherFile();
    Path run = folder.resolve("run");
    DistillationSettings settings = SmallRuns.distillation(1, false);
    Events crash =
        Events.calling(
            line -> {
              if (line.startsWith("update 2/2")) {
                throw new Crash();
              }
            });
    assertThrows(Crash.class, () -> SmallRuns.distill(device, teacher, run, settings, crash));
    Path guided = run.resolve("guided.safetensors");
    byte[] written = Files.readAllBytes(guided);
    byte[] changed = written.clone();
    changed[changed.length - 1] ^= 1;
    Files.write(guided, changed);
    IOException other =
        assertThrows(
            IOException.class,
            () -> SmallRuns.distill(device, teacher, run, settings, Events.collecting()));
    assertTrue(
        other.getMessage().contains("is not the file that this stage began"), other.getMessage());
    Files.delete(guided);
    IOException lost =
        assertThrows(
            IOException.class,
            () -> SmallRuns.distill(device, teacher, run, settings, Events.collecting()));
    assertTrue(lost.getMessage().contains("guided.safetensors: is missing"), lost.getMessage());

    Path whole = folder.resolve("whole");
    SmallRuns.distill(device, teacher, whole, settings, Events.collecting());
    IllegalArgumentException student =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                SmallRuns.distill(
                    device,
                    whole.resolve("student-2.safetensors"),
                    folder.resolve("third"),
                    settings,
                    Events.collecting()));
    assertTrue(student.getMessage().contains("is a 2-step student"), student.getMessage());
  }
}
