package org.halfstep.metrics;

import java.util.stream.IntStream;

/**
 * Mean and covariance of features that arrive in batches, accumulated in double: memory is d x d,
 * however many samples pass.
 *
 * <p>Samples are taken up in blocks of fixed size by the update of Chan, Golub and LeVeque
 * ("Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979): a block is
 * centred at its own mean, so nothing cancels, and the distance between the means of block and rest
 * enters as one more row. The result does not depend on how the samples were cut into batches, nor
 * on the number of threads.
 *
 * <p>Not for use by several threads at once; give each its own and {@link #merge} them.
 */
public final class FeatureStatistics {
  private static final int BLOCK_ROWS = 64;

  private final int dimensions;
  private final double[] mean;

  /** Sums of products of deviations from the mean: the upper triangle, row-major. */
  private final double[] scatter;

  /** Samples not taken up yet, and room for one row more. */
  private final double[] block;

  private int blockRows;
  private long taken;

  /**
   * @param dimensions features per sample, 1 to 46340
   * @throws IllegalArgumentException if the dimensions are outside
   */
  public FeatureStatistics(int dimensions) {
    if (dimensions < 1 || (long) dimensions * dimensions > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          dimensions + " dimensions of features; expected 1 to 46340");
    }
    this.dimensions = dimensions;
    mean = new double[dimensions];
    scatter = new double[dimensions * dimensions];
    block = new double[(BLOCK_ROWS + 1) * dimensions];
  }

  /** Features per sample. */
  public int dimensions() {
    return dimensions;
  }

  /** Number of samples so far. */
  public long count() {
    return taken + blockRows;
  }

  /**
   * Adds samples.
   *
   * @param features [rows, dimensions] row-major
   * @throws IllegalArgumentException if these are not whole rows or a feature is not finite;
   *     nothing is added then
   */
  public void add(float[] features) {
    int rows = FeatureChecks.rows(features.length, dimensions, "features");
    FeatureChecks.requireFinite(features, dimensions, count(), "features");
    for (int row = 0; row < rows; row++) {
      for (int j = 0; j < dimensions; j++) {
        block[blockRows * dimensions + j] = features[row * dimensions + j];
      }
      if (++blockRows == BLOCK_ROWS) {
        takeUp();
      }
    }
  }

  /**
   * Adds the samples of another one, which stays as it is (but for rounding).
   *
   * @throws IllegalArgumentException if the dimensions differ
   */
  public void merge(FeatureStatistics other) {
    FeatureChecks.requireSameDimensions(dimensions, other.dimensions);
    if (other == this) {
      throw new IllegalArgumentException("statistics cannot be merged with themselves");
    }
    takeUp();
    other.takeUp();
    if (other.taken == 0) {
      return;
    }
    for (int i = 0; i < scatter.length; i++) {
      scatter[i] += other.scatter[i];
    }
    moveMean(other.mean, other.taken, 0);
    addProducts(1);
  }

  /**
   * Mean and covariance of the samples so far, divided by N - 1.
   *
   * @throws IllegalArgumentException if there are fewer than two samples
   */
  public FeatureMoments moments() {
    if (count() < 2) {
      throw new IllegalArgumentException(
          "a covariance needs at least 2 samples, got " + count() + "; use more images");
    }
    takeUp();
    double[] covariance = new double[scatter.length];
    for (int i = 0; i < dimensions; i++) {
      for (int j = i; j < dimensions; j++) {
        double value = scatter[i * dimensions + j] / (taken - 1);
        covariance[i * dimensions + j] = value;
        covariance[j * dimensions + i] = value;
      }
    }
    return new FeatureMoments(mean.clone(), covariance);
  }

  private void takeUp() {
    if (blockRows == 0) {
      return;
    }
    int rows = blockRows;
    double[] blockMean = new double[dimensions];
    for (int row = 0; row < rows; row++) {
      for (int j = 0; j < dimensions; j++) {
        blockMean[j] += block[row * dimensions + j];
      }
    }
    for (int j = 0; j < dimensions; j++) {
      blockMean[j] /= rows;
    }
    for (int row = 0; row < rows; row++) {
      for (int j = 0; j < dimensions; j++) {
        block[row * dimensions + j] -= blockMean[j];
      }
    }
    moveMean(blockMean, rows, rows);
    addProducts(rows + 1);
    blockRows = 0;
  }

  /** Merges a mean, and leaves the row that its distance adds to the products in the block. */
  private void moveMean(double[] otherMean, long otherCount, int row) {
    long total = taken + otherCount;
    double share = (double) otherCount / total;
    double weight = Math.sqrt(taken * share);
    for (int j = 0; j < dimensions; j++) {
      double distance = otherMean[j] - mean[j];
      mean[j] += share * distance;
      block[row * dimensions + j] = weight * distance;
    }
    taken = total;
  }

  /** Adds the products of the block's first rows to the scatter, each row of it by one thread. */
  private void addProducts(int rows) {
    IntStream.range(0, dimensions).parallel().forEach(i -> addProducts(rows, i));
  }

  private void addProducts(int rows, int i) {
    int d = dimensions;
    int target = i * d;
    int row = 0;
    // Four at a time: each number of the target is then read and written a quarter as often.
    for (; row + 4 <= rows; row += 4) {
      int r0 = row * d;
      int r1 = r0 + d;
      int r2 = r1 + d;
      int r3 = r2 + d;
      double a0 = block[r0 + i];
      double a1 = block[r1 + i];
      double a2 = block[r2 + i];
      double a3 = block[r3 + i];
      for (int j = i; j < d; j++) {
        scatter[target + j] +=
            a0 * block[r0 + j] + a1 * block[r1 + j] + a2 * block[r2 + j] + a3 * block[r3 + j];
      }
    }
    for (; row < rows; row++) {
      int r = row * d;
      double a = block[r + i];
      for (int j = i; j < d; j++) {
        scatter[target + j] += a * block[r + j];
      }
    }
  }
}
