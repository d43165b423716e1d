package org.halfstep.metrics;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.halfstep.random.Permutation;

/**
 * Kernel distance between two sets of features, the KID of Binkowski et al. ("Demystifying MMD
 * GANs", 2018): the unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012)
 * with the kernel {@code (x.y / d + 1)^3}. Unlike FID its expectation does not depend on the number
 * of samples; it can be a little below 0.
 *
 * @param perSubset estimate of each subset of rows
 */
public record KernelInceptionDistance(double[] perSubset) {
  /** The estimate from all rows of both sets, as one subset. */
  public static KernelInceptionDistance between(FeatureSet first, FeatureSet second) {
    return ofSubsets(
        first,
        second,
        new int[][] {IntStream.range(0, first.rows()).toArray()},
        new int[][] {IntStream.range(0, second.rows()).toArray()});
  }

  /**
   * Estimates from random subsets, drawn without repetition inside a subset by Philox: a function
   * of the seed and the sizes only.
   *
   * @param subsets how many; 100 is usual
   * @param size rows of each set in a subset, at least 2; 1000 is usual
   * @throws IllegalArgumentException if a set has fewer rows, or the dimensions differ
   */
  public static KernelInceptionDistance ofSubsets(
      FeatureSet first, FeatureSet second, int subsets, int size, long seed) {
    int least = Math.min(first.rows(), second.rows());
    if (subsets < 1 || size < 2 || size > least) {
      throw new IllegalArgumentException(
          subsets
              + " subsets of "
              + size
              + " from "
              + least
              + " samples; expected at least 1 subset of 2 to "
              + least
              + " samples: use more images or smaller subsets");
    }
    int[][] firstRows = new int[subsets][];
    int[][] secondRows = new int[subsets][];
    for (int s = 0; s < subsets; s++) {
      firstRows[s] = draw(seed, 2L * s, first.rows(), size);
      secondRows[s] = draw(seed, 2L * s + 1, second.rows(), size);
    }
    return ofSubsets(first, second, firstRows, secondRows);
  }

  /**
   * Estimates from given subsets.
   *
   * @param firstRows row numbers of the first set, for each subset at least 2
   * @param secondRows the same for the second set
   * @throws IllegalArgumentException if a subset is too small, or the dimensions differ
   */
  public static KernelInceptionDistance ofSubsets(
      FeatureSet first, FeatureSet second, int[][] firstRows, int[][] secondRows) {
    FeatureChecks.requireSameDimensions(first.dimensions(), second.dimensions());
    if (firstRows.length != secondRows.length || firstRows.length == 0) {
      throw new IllegalArgumentException(
          firstRows.length + " and " + secondRows.length + " subsets; expected as many of each");
    }
    double[] estimates = new double[firstRows.length];
    for (int s = 0; s < estimates.length; s++) {
      int n = firstRows[s].length;
      int m = secondRows[s].length;
      if (n < 2 || m < 2) {
        throw new IllegalArgumentException(
            "a kernel distance needs at least 2 samples of each set, got " + n + " and " + m);
      }
      estimates[s] =
          kernelSum(first, firstRows[s], first, firstRows[s], true) / ((double) n * (n - 1))
              + kernelSum(second, secondRows[s], second, secondRows[s], true)
                  / ((double) m * (m - 1))
              - 2 * kernelSum(first, firstRows[s], second, secondRows[s], false) / ((double) n * m);
    }
    return new KernelInceptionDistance(estimates);
  }

  /** Mean of the subsets' estimates. */
  public double mean() {
    return Spread.of(perSubset).mean();
  }

  /** Standard deviation of the subsets' estimates, divided by the number of subsets. */
  public double standardDeviation() {
    return Spread.of(perSubset).standardDeviation();
  }

  private static int[] draw(long seed, long stream, int rows, int size) {
    Permutation order = new Permutation(seed, stream, rows);
    return IntStream.range(0, size).map(i -> (int) order.at(i)).toArray();
  }

  private static double kernelSum(
      FeatureSet a, int[] aRows, FeatureSet b, int[] bRows, boolean skipDiagonal) {
    int d = a.dimensions();
    double[] turned = new double[d * RowPairs.COLUMNS];
    double total = 0;
    for (int first = 0; first < bRows.length; first += RowPairs.COLUMNS) {
      int start = first;
      int columns = Math.min(RowPairs.COLUMNS, bRows.length - first);
      b.copyTurned(bRows, first, turned);
      double[] sums =
          IntStream.range(0, aRows.length)
              .parallel()
              .mapToDouble(
                  i -> kernelSum(a, aRows[i], turned, columns, skipDiagonal ? i - start : -1))
              .toArray();
      total += Arrays.stream(sums).sum();
    }
    return total;
  }

  private static double kernelSum(
      FeatureSet a, int row, double[] turned, int columns, int skipped) {
    int d = a.dimensions();
    double[] x = new double[d];
    double[] products = new double[RowPairs.COLUMNS];
    a.copyRow(row, x);
    RowPairs.addProducts(x, 0, turned, d, products);
    double sum = 0;
    for (int j = 0; j < columns; j++) {
      double base = products[j] / d + 1;
      sum += j == skipped ? 0 : base * base * base;
    }
    return sum;
  }
}
