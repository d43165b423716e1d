package org.halfstep.metrics;

import java.util.stream.IntStream;

/**
 * Scalar products and squared distances between all rows of two sets, a block at a time. The second
 * set's rows lie transposed, so that the innermost loops run over pairs and not over a sum: they
 * vectorise, and each sum is taken in the order of the dimensions whatever the block.
 */
final class RowPairs {
  /** Rows of the second set in a block. */
  static final int COLUMNS = 128;

  private RowPairs() {}

  /** {@code A B^T}: [aRows, bRows] from A [aRows, d] and B [bRows, d]. */
  static double[] products(double[] a, int aRows, double[] b, int bRows, int d) {
    double[] result = new double[Math.multiplyExact(aRows, bRows)];
    double[] turned = new double[d * COLUMNS];
    for (int first = 0; first < bRows; first += COLUMNS) {
      int start = first;
      int columns = Math.min(COLUMNS, bRows - first);
      for (int j = 0; j < columns; j++) {
        for (int k = 0; k < d; k++) {
          turned[k * COLUMNS + j] = b[(first + j) * d + k];
        }
      }
      IntStream.range(0, aRows)
          .parallel()
          .forEach(
              i -> {
                double[] sums = new double[COLUMNS];
                addProducts(a, i * d, turned, d, sums);
                System.arraycopy(sums, 0, result, i * bRows + start, columns);
              });
    }
    return result;
  }

  /** Adds the products of one row with every column of a turned block. */
  static void addProducts(double[] row, int offset, double[] turned, int d, double[] sums) {
    int k = 0;
    for (; k + 4 <= d; k += 4) {
      double a0 = row[offset + k];
      double a1 = row[offset + k + 1];
      double a2 = row[offset + k + 2];
      double a3 = row[offset + k + 3];
      int t = k * COLUMNS;
      for (int j = 0; j < COLUMNS; j++) {
        sums[j] =
            sums[j]
                + a0 * turned[t + j]
                + a1 * turned[t + COLUMNS + j]
                + a2 * turned[t + 2 * COLUMNS + j]
                + a3 * turned[t + 3 * COLUMNS + j];
      }
    }
    for (; k < d; k++) {
      double a0 = row[offset + k];
      int t = k * COLUMNS;
      for (int j = 0; j < COLUMNS; j++) {
        sums[j] = sums[j] + a0 * turned[t + j];
      }
    }
  }

  /**
   * Adds the squared distances of one row to every column of a turned block; exactly 0 for equal
   * rows.
   */
  static void addSquaredDistances(double[] row, double[] turned, int d, double[] sums) {
    int k = 0;
    for (; k + 2 <= d; k += 2) {
      double a0 = row[k];
      double a1 = row[k + 1];
      int t = k * COLUMNS;
      for (int j = 0; j < COLUMNS; j++) {
        double e0 = a0 - turned[t + j];
        double e1 = a1 - turned[t + COLUMNS + j];
        sums[j] = sums[j] + e0 * e0 + e1 * e1;
      }
    }
    for (; k < d; k++) {
      double a0 = row[k];
      int t = k * COLUMNS;
      for (int j = 0; j < COLUMNS; j++) {
        double e0 = a0 - turned[t + j];
        sums[j] = sums[j] + e0 * e0;
      }
    }
  }
}
