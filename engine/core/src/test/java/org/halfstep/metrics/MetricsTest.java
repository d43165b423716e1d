package org.halfstep.metrics;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Properties of the metrics that need no reference data. */
class MetricsTest {
  private static final int D = 7;

  @Test
  void statisticsDoNotDependOnTheBatches() {
    float[] features = normals(1, 301 * D);
    FeatureStatistics whole = new FeatureStatistics(D);
    whole.add(features);
    FeatureStatistics pieces = new FeatureStatistics(D);
    for (int row = 0; row < 301; row += 13) {
      pieces.add(Arrays.copyOfRange(features, row * D, Math.min(301, row + 13) * D));
    }
    assertEquals(301, pieces.count());
    assertArrayEquals(whole.moments().covariance(), pieces.moments().covariance());
    assertArrayEquals(whole.moments().mean(), pieces.moments().mean());
  }

  @Test
  void statisticsAgreeWithTwoPassesFarFromZero() {
    int n = 203;
    float[] features = normals(2, n * D);
    for (int i = 0; i < features.length; i++) {
      features[i] += 1000;
    }
    FeatureStatistics first = new FeatureStatistics(D);
    first.add(Arrays.copyOf(features, 90 * D));
    FeatureStatistics second = new FeatureStatistics(D);
    second.add(Arrays.copyOfRange(features, 90 * D, n * D));
    first.merge(second);
    first.merge(new FeatureStatistics(D));
    assertEquals(n, first.count());
    double[] mean = new double[D];
    for (int i = 0; i < features.length; i++) {
      mean[i % D] += features[i] / (double) n;
    }
    double[] covariance = new double[D * D];
    for (int row = 0; row < n; row++) {
      for (int i = 0; i < D * D; i++) {
        covariance[i] +=
            (features[row * D + i / D] - mean[i / D])
                * (features[row * D + i % D] - mean[i % D])
                / (n - 1);
      }
    }
    assertArrayEquals(mean, first.moments().mean(), 1e-9);
    assertArrayEquals(covariance, first.moments().covariance(), 1e-9);
  }

  @Test
  void mergingIntoNothingIsACopy() {
    FeatureStatistics some = statistics(3, 100);
    FeatureStatistics none = new FeatureStatistics(D);
    none.merge(some);
    assertArrayEquals(some.moments().covariance(), none.moments().covariance());
    assertArrayEquals(some.moments().mean(), none.moments().mean());
  }

  @Test
  void distanceOfDiagonalCovariances() {
    double[] first = {4, 0, 0, 9};
    double[] second = {1, 0, 0, 0};
    FrechetDistance got =
        FrechetDistance.between(
            new FeatureMoments(new double[] {1, 2}, first),
            new FeatureMoments(new double[] {1, 5}, second));
    // |m|^2 = 9, (2 - 1)^2 + (3 - 0)^2 = 10
    assertEquals(19, got.distance(), 1e-12);
    assertEquals(9, got.meanTerm());
  }

  @Test
  void equalSetsAreAtNoDistance() {
    for (int rows : new int[] {4, 100}) {
      FeatureMoments moments = statistics(5, rows).moments();
      assertEquals(0, FrechetDistance.between(moments, moments).distance(), 1e-12, rows + " rows");
    }
    FeatureMoments constant = new FeatureMoments(new double[2], new double[4]);
    assertEquals(0, FrechetDistance.between(constant, constant).distance());
  }

  @Test
  void factorHasTheRankOfTheMatrix() {
    double[] c = statistics(6, 4).moments().covariance();
    PivotedCholesky factor = PivotedCholesky.of(c, D);
    assertEquals(3, factor.rank());
    for (int i = 0; i < D; i++) {
      for (int j = 0; j < D; j++) {
        double sum = 0;
        for (int r = 0; r < factor.rank(); r++) {
          sum += factor.rows()[r * D + i] * factor.rows()[r * D + j];
        }
        assertEquals(c[i * D + j], sum, 1e-14);
      }
    }
  }

  @Test
  void inceptionScoreRunsFromOneToTheNumberOfClasses() {
    InceptionScore none = new InceptionScore(4, 8, 2);
    none.add(new float[32]);
    assertEquals(1, none.mean(), 1e-12);
    InceptionScore all = new InceptionScore(4, 8, 2);
    for (int i = 0; i < 8; i++) {
      float[] logits = new float[4];
      logits[i % 4] = 2000;
      all.add(logits);
    }
    assertEquals(4, all.mean(), 1e-12);
    assertEquals(0, all.standardDeviation(), 1e-12);
  }

  @Test
  void kernelDistanceOverBlocksIsTheFormula() {
    FeatureSet a = new FeatureSet(D, normals(7, 150 * D));
    FeatureSet b = new FeatureSet(D, normals(8, 131 * D));
    double want = kernelMean(a, a, true) + kernelMean(b, b, true) - 2 * kernelMean(a, b, false);
    assertEquals(want, KernelInceptionDistance.between(a, b).mean(), 1e-12);
  }

  @Test
  void drawnSubsetsAreAFunctionOfTheSeed() {
    FeatureSet a = new FeatureSet(D, normals(9, 60 * D));
    FeatureSet b = new FeatureSet(D, normals(10, 50 * D));
    double[] once = KernelInceptionDistance.ofSubsets(a, b, 5, 20, 3).perSubset();
    assertArrayEquals(once, KernelInceptionDistance.ofSubsets(a, b, 5, 20, 3).perSubset());
    assertFalse(Arrays.equals(once, KernelInceptionDistance.ofSubsets(a, b, 5, 20, 4).perSubset()));
    assertEquals(5, Arrays.stream(once).distinct().count());
    // With all rows in each subset the order is all that differs.
    FeatureSet c = new FeatureSet(D, normals(11, 60 * D));
    double all = KernelInceptionDistance.between(a, c).mean();
    assertEquals(all, KernelInceptionDistance.ofSubsets(a, c, 2, 60, 1).mean(), 1e-12);
  }

  @Test
  void precisionAndRecallOfASetInAnother() {
    float[] real = normals(12, 300 * D);
    FeatureSet all = new FeatureSet(D, real);
    FeatureSet some = new FeatureSet(D, Arrays.copyOf(real, 150 * D));
    assertEquals(new PrecisionRecall(1, 1, 3), PrecisionRecall.between(all, all));
    assertEquals(1, PrecisionRecall.between(all, some).precision());
    float[] far = real.clone();
    for (int i = 0; i < far.length; i++) {
      far[i] += 100;
    }
    assertEquals(
        new PrecisionRecall(0, 0, 3), PrecisionRecall.between(all, new FeatureSet(D, far)));
    // Copies of one point: all radii are 0, and each point lies within.
    FeatureSet copies = new FeatureSet(2, new float[] {.1f, 3, .1f, 3, .1f, 3, .1f, 3});
    assertEquals(new PrecisionRecall(1, 1, 3), PrecisionRecall.between(copies, copies));
  }

  @Test
  void radiiOverBlocksAreSortedDistances() {
    FeatureSet set = new FeatureSet(1, new float[] {0, 1, 3, 7, 15});
    assertArrayEquals(new double[] {3, 2, 3, 6, 12}, PrecisionRecall.radii(set, 2));
    float[] line = new float[400];
    for (int i = 0; i < line.length; i++) {
      line[i] = i;
    }
    double[] radii = PrecisionRecall.radii(new FeatureSet(1, line), 3);
    assertEquals(3, radii[0]);
    assertEquals(2, radii[127]);
    assertEquals(2, radii[128]);
    assertEquals(3, radii[399]);
  }

  @Test
  void badInputIsRefusedInOneLine() {
    refused("whole rows", () -> new FeatureStatistics(3).add(new float[4]));
    refused("sample 1", () -> new FeatureSet(2, new float[] {1, 2, 3, Float.NaN}));
    refused("at least 2 samples", () -> statistics(1, 1).moments());
    refused("same network", () -> statistics(1, 3).merge(new FeatureStatistics(D + 1)));
    refused("not symmetric", () -> new FeatureMoments(new double[2], new double[] {1, 1, 0, 1}));
    refused("diagonal", () -> new FeatureMoments(new double[1], new double[] {-1}));
    refused("NaN", () -> new FeatureMoments(new double[1], new double[] {Double.NaN}));
    refused("belong together", () -> new FeatureMoments(new double[2], new double[3]));
    refused("splits", () -> new InceptionScore(10, 9, 10));
    refused("got 3 samples", () -> new InceptionScore(2, 2, 1).add(new float[6]));
    FeatureSet three = new FeatureSet(1, new float[3]);
    refused("2 to 3", () -> KernelInceptionDistance.ofSubsets(three, three, 1, 4, 0));
    refused("got 3", () -> PrecisionRecall.between(three, three));
    FeatureSet wide = new FeatureSet(2, new float[20]);
    refused("same network", () -> PrecisionRecall.between(wide, three));
    refused("same network", () -> KernelInceptionDistance.between(wide, three));
    assertThrows(IllegalStateException.class, () -> new InceptionScore(2, 2, 1).mean());
  }

  private static void refused(String part, Executable call) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.contains(part), message);
    assertFalse(message.contains("\n"), message);
  }

  private static double kernelMean(FeatureSet a, FeatureSet b, boolean skipDiagonal) {
    double[] x = new double[D];
    double[] y = new double[D];
    double sum = 0;
    for (int i = 0; i < a.rows(); i++) {
      a.copyRow(i, x);
      for (int j = 0; j < b.rows(); j++) {
        b.copyRow(j, y);
        double product = 0;
        for (int k = 0; k < D; k++) {
          product += x[k] * y[k];
        }
        sum += skipDiagonal && i == j ? 0 : Math.pow(product / D + 1, 3);
      }
    }
    return sum / ((double) a.rows() * (b.rows() - (skipDiagonal ? 1 : 0)));
  }

  private static FeatureStatistics statistics(long seed, int rows) {
    FeatureStatistics statistics = new FeatureStatistics(D);
    statistics.add(normals(seed, rows * D));
    return statistics;
  }

  private static float[] normals(long seed, int count) {
    float[] values = new float[count];
    Philox.normal(seed, 0, 0, values);
    return values;
  }
}
