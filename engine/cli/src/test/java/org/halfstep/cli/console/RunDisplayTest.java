package org.halfstep.cli.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A run says early how long it takes. */
class RunDisplayTest {
  private final StringWriter text = new StringWriter();
  private long now;

  /** What is said of a run whose updates take so many milliseconds. */
  private List<String> estimates(long all, long total, long milliseconds, int updates) {
    try (RunDisplay display = new RunDisplay(new PrintWriter(text), all, false, () -> now)) {
      display.phase("stage one", 0, total);
      for (int update = 1; update <= updates; update++) {
        now += milliseconds * 1_000_000;
        display.update(update, total, 1, 1e-3, 1);
      }
    }
    return text.toString().lines().filter(line -> line.contains("about")).toList();
  }

  @Test
  void aLongRunIsEstimatedOnceAndEarly() {
    assertEquals(
        List.of(
            "stage one: about 33:15 left; all 6,000 updates take about 50:00 at this rate. Ctrl-C"
                + " stops after a checkpoint; the same command continues."),
        estimates(6_000, 4_000, 500, 40).stream()
            .map(line -> line.replaceAll("33:1\\d", "33:15"))
            .toList());
    String before = text.toString();
    assertTrue(before.indexOf("about") < before.indexOf("10/4000"), before);
  }

  @Test
  void onePhaseIsAllThereIs() {
    List<String> lines = estimates(4_000, 4_000, 500, 10);
    assertEquals(1, lines.size(), lines.toString());
    assertTrue(
        lines.getFirst().matches("stage one: about 33:1\\d left\\. Ctrl-C .*"), lines.getFirst());
  }

  @Test
  void aShortRunIsNotEstimated() {
    assertEquals(List.of(), estimates(100, 100, 500, 100));
  }
}
