package org.halfstep.cli;

import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.cli.option.Settings;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code halfstep bench} on a bundled model. */
class BenchCommandTest {
  private static final String MODEL = "fashion-mnist-1";

  @TempDir private Path folder;

  @Test
  void benchShowsTimesAndAProfile() {
    String out =
        succeeds("bench", "--model", MODEL, "--batch", "1,2", "--seconds", "0.01", "--profile");
    assertTrue(out.contains("ms per image"), out);
    assertTrue(out.contains("conv3 forward"), out);
    assertTrue(out.contains("GB/s"), out);
    assertTrue(out.contains("of ceiling"), out);
    // Which steps are shown depends on their times.
    assertTrue(
        out.lines().anyMatch(line -> line.matches("[a-z_]+[.\\w]* conv3 forward +1 .*")), out);
  }

  @Test
  void benchWritesItsNumbers() throws IOException {
    Path json = folder.resolve("bench/numbers.json");
    Path csv = folder.resolve("bench/numbers.csv");
    for (Path file : new Path[] {json, csv}) {
      succeeds("bench", "--model", MODEL, "--batch", 2, "--seconds", "0.01", "--out", file);
    }
    var row = Settings.JSON.readTree(json.toFile()).at("/results/0");
    assertEquals(2, row.at("/batch").asInt());
    assertTrue(row.at("/runs").asInt() >= 3);
    double least = row.at("/minMilliseconds").asDouble();
    double median = row.at("/medianMilliseconds").asDouble();
    assertTrue(0 < least && least <= median, row.toString());
    assertTrue(median <= row.at("/p90Milliseconds").asDouble(), row.toString());
    var lines = Files.readAllLines(csv);
    assertEquals(2, lines.size());
    assertEquals(lines.get(0).split(",").length, lines.get(1).split(",").length);
  }

  @Test
  void benchTimesTrainingSteps() {
    String out =
        succeeds(
            "bench",
            "--model",
            MODEL,
            "--batch",
            2,
            "--seconds",
            "0.01",
            "--profile",
            "--training");
    for (String part :
        new String[] {"ms per step", "pack weights", "conv3 backward weights", "update"}) {
      assertTrue(out.contains(part), part + " in " + out);
    }
  }
}
