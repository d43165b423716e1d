package org.halfstep.tensorboard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Event files are read back as TensorBoard reads them. */
class EventFileTest {
  @TempDir Path folder;

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.list(folder.resolve("run"))) {
      return all.sorted().toList();
    }
  }

  @Test
  void whatIsWrittenIsRead() throws IOException {
    long large = (1L << 40) + 5;
    try (EventFile events = EventFile.begin(folder.resolve("run"), 300, 1234.5)) {
      events.add(300, 1235.25, Map.of("loss", 0.5, "Verlust Ω", Double.NaN));
      events.add(large, 1236, Map.of("loss", -1e30));
    }
    List<EventRecords.Event> read = EventRecords.read(files().getFirst());
    assertEquals(
        List.of(
            new EventRecords.Event(1234.5, 0, "brain.Event:2", false, Map.of()),
            new EventRecords.Event(1234.5, 300, "", true, Map.of()),
            new EventRecords.Event(
                1235.25, 300, "", false, Map.of("loss", 0.5, "Verlust Ω", Double.NaN)),
            new EventRecords.Event(1236, large, "", false, Map.of("loss", (double) (float) -1e30))),
        read);
  }

  /** What TensorFlow's own files begin with, but for the time. */
  @Test
  void theFirstRecordIsTensorFlows() throws IOException {
    EventFile.begin(folder.resolve("run"), 1, 1.5).close();
    byte[] known =
        HexFormat.of()
            .parseHex(
                "1800000000000000a37f4b22"
                    + "09000000000000f83f"
                    + "1a0d627261696e2e4576656e743a32");
    byte[] written = Files.readAllBytes(files().getFirst());
    assertArrayEquals(known, Arrays.copyOf(written, known.length));
  }

  @Test
  void aFileIsNeverWrittenInTheFileOfAnother() throws IOException {
    for (int i = 0; i < 3; i++) {
      EventFile.begin(folder.resolve("run"), i, 5).close();
    }
    assertEquals(3, files().size());
    assertTrue(files().getLast().toString().endsWith(".2"), files().toString());
  }
}
