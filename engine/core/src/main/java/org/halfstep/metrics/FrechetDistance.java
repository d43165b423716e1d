package org.halfstep.metrics;

import java.util.Arrays;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/**
 * Squared Frechet distance between two normal distributions (Dowson and Landau 1982): {@code |m1 -
 * m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)}. On Inception features it is the FID of Heusel et al.
 * ("GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017).
 *
 * <p>The trace of the root is the sum of the singular values of {@code U1 U2^T}, where {@code C =
 * U^T U}: no square root of a nearly singular matrix is taken, and nothing is added to the
 * diagonal, so the distance is right too where there are fewer samples than dimensions.
 *
 * @param meanTerm squared distance of the means
 * @param firstTrace sum of the first set's variances
 * @param secondTrace sum of the second set's variances
 * @param rootTrace trace of the root of the product of the covariances
 */
public record FrechetDistance(
    double meanTerm, double firstTrace, double secondTrace, double rootTrace) {
  /**
   * The distance between two sets of features.
   *
   * @throws IllegalArgumentException if the dimensions differ
   */
  public static FrechetDistance between(FeatureMoments first, FeatureMoments second) {
    FeatureChecks.requireSameDimensions(first.dimensions(), second.dimensions());
    double meanTerm = 0;
    for (int i = 0; i < first.dimensions(); i++) {
      double difference = first.mean()[i] - second.mean()[i];
      meanTerm += difference * difference;
    }
    return new FrechetDistance(meanTerm, first.trace(), second.trace(), rootTrace(first, second));
  }

  /** The distance; rounding can leave a little less than 0 between equal sets. */
  public double distance() {
    double distance = meanTerm + firstTrace + secondTrace - 2 * rootTrace;
    if (!Double.isFinite(distance)) {
      throw new ArithmeticException(
          "the Frechet distance is " + distance + ": the features are too large to be compared");
    }
    return distance;
  }

  private static double rootTrace(FeatureMoments first, FeatureMoments second) {
    int d = first.dimensions();
    PivotedCholesky a = PivotedCholesky.of(first.covariance(), d);
    PivotedCholesky b = PivotedCholesky.of(second.covariance(), d);
    if (a.rank() == 0 || b.rank() == 0) {
      return 0;
    }
    double[] product = RowPairs.products(a.rows(), a.rank(), b.rows(), b.rank(), d);
    SingularValueDecomposition_F64<DMatrixRMaj> svd =
        DecompositionFactory_DDRM.svd(a.rank(), b.rank(), false, false, true);
    if (!svd.decompose(DMatrixRMaj.wrap(a.rank(), b.rank(), product))) {
      throw new ArithmeticException(
          "the singular values of the covariances' product did not converge");
    }
    return Arrays.stream(svd.getSingularValues(), 0, svd.numberOfSingularValues()).sum();
  }
}
