package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Conversions, weights, guidance and the inputs of the network. */
class FormulasTest {
  private static final NoiseSchedule SCHEDULE =
      new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);
  private static final double[] TIMES = {0.01, 0.125, 0.4, 0.5, 0.9, 0.99};

  private static double apply(LinearMap map, double z, double output) {
    return map.onZ() * z + map.onOutput() * output;
  }

  @Test
  void conversionsInvert() {
    for (double t : TIMES) {
      double alpha = SCHEDULE.alpha(t);
      double sigma = SCHEDULE.sigma(t);
      for (Parameterization from : Parameterization.values()) {
        for (Parameterization to : Parameterization.values()) {
          double there = apply(from.to(to, alpha, sigma), 0.7, -1.3);
          assertEquals(-1.3, apply(to.to(from, alpha, sigma), 0.7, there), 1e-11, from + " " + to);
        }
      }
    }
  }

  @Test
  void velocityConvertsAtBothEndsOfTime() {
    assertEquals(0.25, apply(Parameterization.V.to(Parameterization.X, 1, 0), 0.25, 9), 0);
    assertEquals(0.25, apply(Parameterization.V.to(Parameterization.EPS, 0, 1), 0.25, 9), 0);
  }

  @ParameterizedTest
  @EnumSource
  void guidanceAgreesInEveryParameterization(Parameterization kind) {
    for (double t : TIMES) {
      double alpha = SCHEDULE.alpha(t);
      double sigma = SCHEDULE.sigma(t);
      double z = 0.4;
      LinearMap fromV = Parameterization.V.to(kind, alpha, sigma);
      GuidedTarget target = GuidedTarget.of(kind, alpha, sigma, 2.5);
      double got =
          target.onZ() * z
              + target.onConditional() * apply(fromV, z, 1.1)
              + target.onUnconditional() * apply(fromV, z, -0.6);
      assertEquals(3.5 * 1.1 - 2.5 * -0.6, got, 1e-11);
    }
  }

  @Test
  void zeroGuidanceIsTheConditionalPrediction() {
    GuidedTarget target = GuidedTarget.of(Parameterization.V, 0.6, 0.8, 0);
    assertEquals(1, target.onConditional());
    assertEquals(0, target.onUnconditional(), 0);
    assertEquals(0, target.onZ(), 0);
  }

  @Test
  void guidanceConventions() {
    assertEquals(2, Guidance.scale(1));
    assertEquals(6.5, Guidance.fromScale(7.5));
    assertEquals("w = 1.0 (guidance scale 2.0)", Guidance.describe(1));
    assertEquals("w = 0.3 (guidance scale 1.3)", Guidance.describe(0.3));
  }

  @ParameterizedTest
  @EnumSource
  void weightOnVIsSigmaSquaredTimesWeightOnX(LossWeighting weighting) {
    for (double t : TIMES) {
      double alpha = SCHEDULE.alpha(t);
      double sigma = SCHEDULE.sigma(t);
      assertEquals(
          sigma * sigma * weighting.weight(alpha, sigma), weighting.weightOnV(alpha, sigma), 1e-12);
    }
  }

  @Test
  void truncatedWeightOnVStaysBetweenHalfAndOneAtEveryNoiseLevel() {
    for (int i = 0; i <= 100; i++) {
      double weight =
          LossWeighting.TRUNCATED_SNR.weightOnV(
              SCHEDULE.alpha(i / 100.0), SCHEDULE.sigma(i / 100.0));
      assertTrue(weight >= 0.5 - 1e-15 && weight <= 1, "weight " + weight);
    }
    assertEquals(1, LossWeighting.TRUNCATED_SNR.weightOnV(1, 0));
    assertEquals(0, LossWeighting.SNR.weightOnV(0, 1), "why SNR cannot train a one-step model");
  }

  @Test
  void gradientIsTheDerivativeOfTheLoss() {
    double alpha = 0.8;
    double sigma = 0.6;
    double[] difference = {0.3, -0.2, 0.5};
    int batch = 4;
    double h = 1e-6;
    for (LossWeighting weighting : LossWeighting.values()) {
      double up = loss(weighting, alpha, sigma, difference, h) / batch;
      double down = loss(weighting, alpha, sigma, difference, -h) / batch;
      double gradient = weighting.gradientOfDifference(alpha, sigma, 3, batch) * difference[1];
      assertEquals((up - down) / (2 * h), gradient, 1e-9);
    }
  }

  private static double loss(
      LossWeighting weighting, double alpha, double sigma, double[] difference, double shift) {
    double sum = 0;
    for (int j = 0; j < difference.length; j++) {
      double d = difference[j] + (j == 1 ? shift : 0);
      sum += d * d;
    }
    return weighting.lossOfSquaredDistance(alpha, sigma, difference.length) * sum;
  }

  @Test
  void guidanceRangeScalesTheNetworkInputToTheUnitInterval() {
    GuidanceRange range = GuidanceRange.STANDARD;
    assertEquals(0, range.networkInput(0));
    assertEquals(0.25, range.networkInput(1));
    assertEquals(1, range.networkInput(4));
    assertTrue(range.contains(0) && range.contains(4));
    assertFalse(range.contains(4.01) || range.contains(-0.01) || range.contains(Double.NaN));
    assertEquals(5, new GuidanceRange(2, 14).at(0.25));
    assertEquals(0, new GuidanceRange(0, 0).networkInput(0));
    assertThrows(IllegalArgumentException.class, () -> new GuidanceRange(2, 1));
    assertThrows(IllegalArgumentException.class, () -> new GuidanceRange(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> new GuidanceRange(0, Double.NaN));
  }

  @Test
  void timeInputRunsToOneThousand() {
    assertEquals(1000, SCHEDULE.timeInput(1));
    assertEquals(125, SCHEDULE.timeInput(0.125));
  }
}
