package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.files.DataException;
import org.halfstep.tensorboard.EventRecords;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What trainings write of their losses, and what is left of it when they go on. */
class LossLogTest {
  @TempDir Path folder;
  private final List<String> notes = new ArrayList<>();

  private final class Notes implements RunListener {
    @Override
    public void phase(String name, long updatesDone, long updatesTotal) {}

    @Override
    public void update(long done, long total, double loss, double rate, double norm) {}

    @Override
    public void saved(Path file) {}

    @Override
    public void note(String line) {
      notes.add(line);
    }
  }

  private LossLog log(long every) {
    return new LossLog(folder, new Notes(), every);
  }

  private static void updates(LossLog log, long from, long to) {
    for (long update = from; update <= to; update++) {
      log.update(update, 10 * update, 0.5 / update, 2 * update);
    }
  }

  private List<String> lines() throws IOException {
    List<String> rows = new ArrayList<>();
    for (LossTable.Row row : LossTable.read(folder)) {
      rows.add(row.phase() + " " + row.update() + " " + row.loss() + " " + row.gradientNorm());
    }
    return rows;
  }

  private List<EventRecords.Event> events(String phase) throws IOException {
    return EventRecords.inFolder(folder.resolve("tensorboard"), phase);
  }

  @Test
  void rowsAreMeansOfTheUpdatesSinceTheOneBefore() throws IOException {
    try (LossLog log = log(2)) {
      log.begin("stage one: guidance", 0, 5);
      updates(log, 1, 5);
    }
    assertEquals(
        List.of(
            "stage one: guidance 2 15.0 3.0",
            "stage one: guidance 4 35.0 7.0",
            "stage one: guidance 5 50.0 10.0"),
        lines());
    List<String> points = new ArrayList<>();
    for (EventRecords.Event event : events("stage-one-guidance")) {
      event.values().forEach((tag, value) -> points.add(tag + " " + event.step() + " " + value));
    }
    assertEquals(
        List.of(
            "gradient norm 2 3.0",
            "learning rate 2 0.25",
            "loss 2 15.0",
            "gradient norm 4 7.0",
            "learning rate 4 0.125",
            "loss 4 35.0",
            "gradient norm 5 10.0",
            "learning rate 5 " + (double) 0.1f,
            "loss 5 50.0"),
        points);
    assertEquals(List.of(), notes);
  }

  @Test
  void updatesThatAreMadeAgainStandOnce() throws IOException {
    try (LossLog log = log(1)) {
      log.begin("first", 0, 3);
      updates(log, 1, 3);
      log.begin("second", 0, 9);
      updates(log, 1, 4);
    }
    // Killed while it wrote a row.
    Files.writeString(folder.resolve(LossTable.FILE), "second,5,1.", StandardOpenOption.APPEND);
    try (LossLog log = log(1)) {
      log.begin("second", 2, 9);
      updates(log, 3, 3);
    }
    assertEquals(
        List.of(
            "first 1 10.0 2.0",
            "first 2 20.0 4.0",
            "first 3 30.0 6.0",
            "second 1 10.0 2.0",
            "second 2 20.0 4.0",
            "second 3 30.0 6.0"),
        lines());
    Files.writeString(folder.resolve(LossTable.FILE), "second,4", StandardOpenOption.APPEND);
    try (LossLog log = log(1)) {
      log.begin("second", 3, 9);
      updates(log, 4, 4);
    }
    assertEquals("second 4 40.0 8.0", lines().getLast());
    try (LossLog log = log(1)) {
      log.begin("first", 1, 3);
    }
    assertEquals(List.of("first 1 10.0 2.0"), lines());
  }

  @Test
  void aRunThatGoesOnTellsTensorBoardFromWhere() throws IOException {
    for (int done : new int[] {0, 2}) {
      try (LossLog log = log(1)) {
        log.begin("teacher", done, 9);
        updates(log, done + 1, done + 3);
      }
    }
    assertEquals(
        List.of(1L, 3L),
        events("teacher").stream()
            .filter(EventRecords.Event::starts)
            .map(EventRecords.Event::step)
            .toList());
  }

  @Test
  void aCheckpointHasItsRowsOnDisk() throws IOException {
    try (LossLog log = log(100)) {
      log.begin("teacher", 0, 1000);
      updates(log, 1, 3);
      assertEquals(List.of(), lines());
      log.force();
      assertEquals(List.of("teacher 3 20.0 4.0"), lines());
      log.update(4, Double.NaN, 1, Double.POSITIVE_INFINITY);
      log.update(5, 7, 1, 2);
      log.force();
    }
    assertEquals("teacher 5 7.0 2.0", lines().getLast());
  }

  @Test
  void eventFilesThatCannotBeWrittenEndNoTraining() throws IOException {
    Files.writeString(folder.resolve("tensorboard"), "a file where a folder should be");
    try (LossLog log = log(1)) {
      log.begin("teacher", 0, 9);
      updates(log, 1, 3);
    }
    assertEquals(3, lines().size());
    assertEquals(1, notes.size(), notes.toString());
    assertTrue(notes.getFirst().contains("tensorboard"), notes.toString());
  }

  @Test
  void anotherFileOfThatNameIsNotWrittenTo() throws IOException {
    Path file = folder.resolve(LossTable.FILE);
    Files.writeString(file, "epoch;loss\n1;2\n");
    try (LossLog log = log(1)) {
      DataException refused = assertThrows(DataException.class, () -> log.begin("teacher", 0, 9));
      assertTrue(refused.getMessage().startsWith(file + ": line 1: expected"), refused::toString);
    }
    Files.writeString(file, LossTable.HEADER + "\nteacher,1,2,3\n");
    DataException refused = assertThrows(DataException.class, () -> LossTable.read(folder));
    assertTrue(refused.getMessage().startsWith(file + ": line 2: expected"), refused::toString);
  }
}
