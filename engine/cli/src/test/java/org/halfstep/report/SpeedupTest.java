package org.halfstep.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class SpeedupTest {
  @Test
  void ratiosAreOfOneRound() {
    // A disturbance in round 2 doubles both times and changes no ratio.
    Speedup speedup = Speedup.of(new double[] {100, 200, 104}, new double[] {10, 20, 10}, 10);
    assertEquals(10, speedup.median());
    assertEquals(10, speedup.least());
    assertEquals(10.4, speedup.greatest(), 1e-12);
    assertEquals(Speedup.Verdict.MET, speedup.verdict());
  }

  @Test
  void whatIsTooGoodIsNotMet() {
    assertEquals(Speedup.Verdict.NOT_QUIET, Speedup.of(106, 10, 10).verdict());
    assertEquals(Speedup.Verdict.MET, Speedup.of(105, 10, 10).verdict());
    assertEquals(Speedup.Verdict.MET, Speedup.of(95, 10, 10).verdict());
    assertEquals(Speedup.Verdict.NOT_MET, Speedup.of(94, 10, 10).verdict());
    assertThrows(IllegalArgumentException.class, () -> Speedup.of(new double[1], new double[2], 1));
  }

  @Test
  void percentilesAreTimesThatWereMeasured() {
    TimeSummary summary = TimeSummary.of(LongStream.rangeClosed(1, 200).toArray());
    assertEquals(new TimeSummary(200, 100.5, 1, 180, 198), summary);
    assertEquals(new TimeSummary(1, 7, 7, 7, 7), TimeSummary.of(new long[] {7}));
    assertThrows(IllegalArgumentException.class, () -> TimeSummary.of(new long[0]));
  }
}
