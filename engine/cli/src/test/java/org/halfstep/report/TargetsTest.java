package org.halfstep.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.metrics.Quality;
import org.junit.jupiter.api.Test;

/** What is said of targets follows from the numbers. */
class TargetsTest {
  private static Measurement measurement(
      String model, int steps, double w, long seed, double fid, double score) {
    return new Measurement(
        model,
        "",
        false,
        model.equals("teacher"),
        steps,
        w,
        seed,
        new Quality(10_000, fid, score, 0, 0, 0, 0, 0),
        "",
        10_000,
        "",
        "",
        "",
        "",
        "",
        "",
        "");
  }

  private static Timing timing(String model, int steps, long evaluations, double milliseconds) {
    return new Timing(
        model,
        "",
        false,
        steps,
        evaluations,
        16,
        milliseconds,
        milliseconds,
        milliseconds,
        milliseconds,
        1,
        List.of(),
        null,
        null,
        "",
        "",
        "",
        "");
  }

  @Test
  void bestStrengthOverSeedsDecides() {
    List<Series> series =
        Series.of(
            List.of(
                measurement("teacher", 256, 1, 0, 2.0, 9.0),
                measurement("teacher", 256, 4, 0, 3.0, 9.9),
                // w = 0 is best for one seed, w = 1 over both.
                measurement("four", 4, 0, 0, 1.9, 9.0),
                measurement("four", 4, 0, 1, 2.9, 9.0),
                measurement("four", 4, 1, 0, 2.1, 8.0),
                measurement("four", 4, 1, 1, 2.2, 9.0)));
    assertEquals("teacher", series.getFirst().model());
    assertEquals(1, series.getLast().bestGuidance());
    Series.OverSeeds fid = series.getLast().fid(1);
    assertEquals(2.15, fid.mean(), 1e-12);
    assertEquals(Math.sqrt(0.005), fid.deviation(), 1e-12);
    assertEquals("2.15 ± 0.07", fid.toString(2));
  }

  /** Three rounds, of which one was disturbed: the median counts, and the interval says so. */
  @Test
  void speedupsAreOfRounds() {
    Timing slow = rounds(timing("teacher", 256, 512, 512), 512.0, 512.0, 700.0);
    Timing quick = rounds(timing("four", 4, 4, 4), 4.0, 4.1, 4.0);
    Speedup speedup = quick.over(slow);
    assertEquals(128, speedup.median());
    assertEquals(512 / 4.1, speedup.least(), 1e-9);
    assertEquals(175, speedup.greatest());
    assertEquals(Speedup.Verdict.MET, quick.verdict(slow));
    // Twice as quick as its evaluations: nobody believes it, unless it multiplies bytes.
    Timing tooQuick = rounds(timing("four", 4, 4, 2), 2.0, 2.0, 2.0);
    assertEquals(Speedup.Verdict.NOT_QUIET, tooQuick.verdict(slow));
    assertEquals(Speedup.Verdict.MET, int8(tooQuick).verdict(slow));
  }

  private static Timing rounds(Timing one, Double... rounds) {
    return changed(one, false, List.of(rounds));
  }

  private static Timing int8(Timing one) {
    return changed(one, true, one.rounds());
  }

  private static Timing changed(Timing one, boolean int8, List<Double> rounds) {
    return new Timing(
        one.model(),
        one.weights(),
        int8,
        one.steps(),
        one.evaluations(),
        one.batch(),
        one.milliseconds(),
        one.least(),
        one.p90(),
        one.p99(),
        one.runs(),
        rounds,
        null,
        null,
        one.device(),
        one.machine(),
        one.command(),
        one.date());
  }

  @Test
  void metAndNotMet() {
    List<Measurement> all = new ArrayList<>();
    all.add(measurement("teacher", 256, 1, 0, 2.0, 9.0));
    all.add(measurement("four", 4, 1, 0, 2.19, 8.74));
    all.add(measurement("one", 1, 1, 0, 4.01, 8.72));
    List<Timing> timings =
        List.of(
            timing("teacher", 256, 512, 512), timing("four", 4, 4, 4.2), timing("one", 1, 1, 1.06));
    List<String> lines = Targets.check(Series.of(all), timings);
    assertEquals(6, lines.size(), lines.toString());
    List<Boolean> met = lines.stream().map(line -> line.startsWith("**met**")).toList();
    // 2.19 of 2.0 x 1.10; 8.74 of 9 x 0.97; 121.9 of 128 x 0.95; 4.01 of 4; 8.72; 483 of 486.4.
    assertEquals(List.of(true, true, true, false, false, false), met, lines.toString());
    assertTrue(lines.getFirst().contains("FID 1.095x that of the teacher with 256 steps"));
  }
}
