package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class NoiseScheduleTest {
  private static final NoiseSchedule STANDARD =
      new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);

  @Test
  void truncatedEndsLieExactlyOnTheBound() {
    assertEquals(20, STANDARD.logSnr(0), 1e-11);
    assertEquals(-20, STANDARD.logSnr(1), 1e-11);
    assertEquals(-STANDARD.logSnr(0), STANDARD.logSnr(1), 0);
    assertEquals(4.53999e-5, STANDARD.sigma(0), 1e-10);
    // Equal to many digits relative to their own size: the noise end is as exact as the data end.
    assertEquals(1, STANDARD.alpha(1) / STANDARD.sigma(0), 1e-14);
  }

  @Test
  void gridValuesOfTheSpecification() {
    assertEquals(0.9239, STANDARD.alpha(0.25), 1e-4);
    assertEquals(0.1951, STANDARD.sigma(0.125), 1e-4);
    assertEquals(1.763, STANDARD.logSnr(0.25), 1e-3);
    assertEquals(-1.763, STANDARD.logSnr(0.75), 1e-3);
    assertEquals(0, STANDARD.logSnr(0.5), 1e-12);
  }

  @Test
  void variancePreservingAndConsistentEverywhere() {
    double previous = Double.POSITIVE_INFINITY;
    for (int i = 0; i <= 1000; i++) {
      double t = i / 1000.0;
      double alpha = STANDARD.alpha(t);
      double sigma = STANDARD.sigma(t);
      assertEquals(1, alpha * alpha + sigma * sigma, 1e-14);
      assertEquals(STANDARD.angle(t), Math.atan2(sigma, alpha), 1e-14);
      assertEquals(2 * Math.log(alpha / sigma), STANDARD.logSnr(t), 1e-11);
      assertTrue(STANDARD.logSnr(t) < previous, "log-SNR must fall at t = " + t);
      previous = STANDARD.logSnr(t);
    }
  }

  @Test
  void angleIsLinearInTime() {
    double step = STANDARD.angle(0.1) - STANDARD.angle(0);
    assertEquals(step, STANDARD.angle(1) - STANDARD.angle(0.9), 1e-15);
  }

  @Test
  void pathStartsAtTheDataItself() {
    assertEquals(0, STANDARD.pathAngle(0));
    assertEquals(STANDARD.angle(1e-9), STANDARD.pathAngle(1e-9));
  }

  @Test
  void boundsMustBePositive() {
    assertThrows(IllegalArgumentException.class, () -> new NoiseSchedule.TruncatedCosine(0));
    assertThrows(IllegalArgumentException.class, () -> new NoiseSchedule.ClippedCosine(Double.NaN));
  }
}
