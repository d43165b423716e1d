package org.halfstep.metrics;

import java.util.Arrays;

/**
 * Factor of a positive semidefinite matrix that may be singular: C = U^T U with as many rows in U
 * as C has rank (Higham, "Accuracy and Stability of Numerical Algorithms", 10.3: Cholesky with
 * complete pivoting).
 *
 * @param rank number of rows of the factor
 * @param rows [rank, d] row-major
 */
record PivotedCholesky(int rank, double[] rows) {
  /**
   * What is left of the diagonal is rounding once it is below this, times d and the largest
   * variance.
   */
  private static final double UNIT = Math.ulp(1.0);

  static PivotedCholesky of(double[] c, int d) {
    double[] left = new double[d];
    for (int i = 0; i < d; i++) {
      left[i] = c[i * d + i];
    }
    double floor = d * UNIT * Arrays.stream(left).max().orElse(0);
    double[] u = new double[d * d];
    for (int rank = 0; rank < d; rank++) {
      int pivot = 0;
      for (int i = 1; i < d; i++) {
        if (left[i] > left[pivot]) {
          pivot = i;
        }
      }
      if (!(left[pivot] > floor)) {
        return new PivotedCholesky(rank, Arrays.copyOf(u, rank * d));
      }
      addRow(c, d, pivot, u, rank, Math.sqrt(left[pivot]));
      for (int i = 0; i < d; i++) {
        double value = u[rank * d + i];
        left[i] -= value * value;
      }
      left[pivot] = 0;
    }
    return new PivotedCholesky(d, u);
  }

  /** Row {@code rank} of the factor: what the rows before it leave of row {@code pivot} of C. */
  private static void addRow(double[] c, int d, int pivot, double[] u, int rank, double root) {
    double[] rest = Arrays.copyOfRange(c, pivot * d, (pivot + 1) * d);
    int row = 0;
    for (; row + 4 <= rank; row += 4) {
      int r0 = row * d;
      int r1 = r0 + d;
      int r2 = r1 + d;
      int r3 = r2 + d;
      double a0 = u[r0 + pivot];
      double a1 = u[r1 + pivot];
      double a2 = u[r2 + pivot];
      double a3 = u[r3 + pivot];
      for (int j = 0; j < d; j++) {
        rest[j] -= a0 * u[r0 + j] + a1 * u[r1 + j] + a2 * u[r2 + j] + a3 * u[r3 + j];
      }
    }
    for (; row < rank; row++) {
      int r = row * d;
      double a = u[r + pivot];
      for (int j = 0; j < d; j++) {
        rest[j] -= a * u[r + j];
      }
    }
    for (int j = 0; j < d; j++) {
      u[rank * d + j] = rest[j] / root;
    }
  }
}
