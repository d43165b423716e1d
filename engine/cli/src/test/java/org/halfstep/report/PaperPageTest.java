package org.halfstep.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.halfstep.diffusion.Solver;
import org.halfstep.metrics.Quality;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The paper's tables follow from the numbers. */
class PaperPageTest {
  @TempDir Path folder;
  private final List<Measurement> measurements = new ArrayList<>();
  private final List<Timing> timings = new ArrayList<>();

  private void measured(
      ModelKind kind, String model, Solver sampler, int steps, double w, long seed, double fid) {
    measurements.add(
        new Measurement(
            model,
            "",
            false,
            kind == ModelKind.TEACHER,
            steps,
            w,
            seed,
            new Quality(2000, fid, 9 - fid, 0, fid / 1000, 0, 0, 0),
            "clothes",
            10_000,
            "a classifier",
            "",
            "",
            "",
            "",
            "",
            "",
            sampler,
            kind));
  }

  private void timed(
      String model, Solver sampler, int steps, long evaluations, boolean unguided, double... ms) {
    timings.add(
        new Timing(
            model,
            "",
            false,
            steps,
            evaluations,
            16,
            ms[0],
            ms[0],
            ms[0],
            ms[0],
            1,
            Arrays.stream(ms).boxed().toList(),
            null,
            null,
            "",
            "",
            "",
            "",
            sampler,
            unguided));
  }

  private List<String> written() throws IOException {
    new PaperPage(measurements, timings).write(folder);
    return Files.readAllLines(folder.resolve(PaperPage.FILE));
  }

  private static void has(List<String> lines, String wanted) {
    assertTrue(lines.contains(wanted), wanted + "\n" + String.join("\n", lines));
  }

  @Test
  void chainsStandSideBySideAndRatiosAreOfTheSameWAndSeed() throws IOException {
    for (long seed : new long[] {0, 1}) {
      measured(ModelKind.TEACHER, "t", null, 256, 0, seed, 2 + seed);
      measured(ModelKind.TEACHER, "t", null, 256, 1, seed, 4);
      measured(ModelKind.DETERMINISTIC, "d4", null, 4, 0, seed, 4);
      measured(ModelKind.DETERMINISTIC, "d4", null, 4, 1, seed, 5 + seed);
      measured(ModelKind.STOCHASTIC, "s4", null, 4, 1, seed, 3);
      measured(ModelKind.SINGLE_W, "one", null, 4, 1, seed, 5);
      measured(ModelKind.NAIVE, "n", null, 4, 1, seed, 50);
      measured(ModelKind.TEACHER, "t", Solver.HEUN, 8, 1, seed, 6);
    }
    List<String> lines = written();
    has(lines, "| 4 steps, D / S | 4.000 ± 0.000 / – | 5.500 ± 0.707 / 3.000 ± 0.000 |");
    has(lines, "| teacher, Heun, 8 steps (15 evaluations) | – | 6.000 ± 0.000 |");
    has(lines, "| teacher, DDIM, 256 steps | 2.500 ± 0.707 | 4.000 ± 0.000 |");
    // 4 / 2 and 4 / 3; 5 / 4 and 6 / 4.
    has(lines, "| 4 steps, D | 1.667x (1.333 – 2.000) | 1.375x (1.250 – 1.500) |");
    has(lines, "| 4 steps, S | – | 0.750x (0.750 – 0.750) |");
    // Against the student of all w: 5 / 5 and 5 / 6; 50 / 5 and 50 / 6.
    has(lines, "| single w, 4 steps | – | 0.917x (0.833 – 1.000) | comparable |");
    has(
        lines,
        "| naive, 4 steps | – | 9.167x (8.333 – 10.000) | fails at few steps, at twice the evaluations |");
  }

  @Test
  void costIsThatOfTheTeacherAtTheSameW() throws IOException {
    measured(ModelKind.TEACHER, "t", null, 256, 0, 0, 2);
    measured(ModelKind.TEACHER, "t", null, 256, 1, 0, 2);
    measured(ModelKind.DETERMINISTIC, "d4", null, 4, 0, 0, 2);
    measured(ModelKind.NAIVE, "n", null, 4, 0, 0, 2);
    measured(ModelKind.TEACHER, "t", Solver.DPM_SOLVER, 8, 1, 0, 2);
    timed("t", null, 256, 512, false, 512, 520);
    timed("t", null, 256, 256, true, 256, 300);
    timed("d4", null, 4, 4, false, 4, 5);
    timed("n", null, 4, 8, false, 8, 8);
    timed("n", null, 4, 4, true, 4, 4);
    timed("t", Solver.DPM_SOLVER, 8, 16, false, 16, 16);
    List<String> lines = written();
    has(
        lines,
        "| teacher, DDIM, 256 steps | 256 | 512 | 256 | 512 | 1.00x | 1.00x | 1.00x | 1.00x |");
    has(
        lines,
        "| 4 steps, D | 4 | 4 | 4.00 | 4.00 | 64.0x | 128x | 62.0x (60.0x – 64.0x) | 116x (104x – 128x) |");
    has(
        lines,
        "| naive, 4 steps | 4 | 8 | 4.00 | 8.00 | 64.0x | 64.0x | 69.5x (64.0x – 75.0x) | 64.5x (64.0x – 65.0x) |");
    has(
        lines,
        "| teacher, DPM-Solver++(2M), 8 steps | – | 16 | – | 16.0 | – | 32.0x | – | 32.3x (32.0x – 32.5x) |");
  }

  @Test
  void evaluationsOfARow() {
    assertEquals(30, new PaperRows.Row(ModelKind.TEACHER, Solver.HEUN, 8).evaluations(2));
    assertEquals(15, new PaperRows.Row(ModelKind.TEACHER, Solver.HEUN, 8).evaluations(0));
    assertEquals(8, new PaperRows.Row(ModelKind.NAIVE, null, 4).evaluations(1));
    assertEquals(4, new PaperRows.Row(ModelKind.STOCHASTIC, null, 4).evaluations(1));
  }

  @Test
  void resultsOfEarlierBuildsAreOfStudentsAndTheirTeacher() {
    Measurement old =
        new Measurement(
            "student-4",
            "",
            false,
            false,
            4,
            1,
            0,
            new Quality(2000, 1, 1, 0, 0, 0, 0, 0),
            "",
            1,
            "",
            "",
            "",
            "",
            "",
            "",
            "");
    assertEquals(ModelKind.DETERMINISTIC, old.kind());
  }
}
