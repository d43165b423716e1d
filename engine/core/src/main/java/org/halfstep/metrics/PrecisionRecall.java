package org.halfstep.metrics;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Improved precision and recall (Kynkaanniemi et al., "Improved Precision and Recall Metric for
 * Assessing Generative Models", 2019). Around each sample of a set lies a ball that reaches to its
 * k-th nearest neighbour in the same set, itself not counted. Precision is the share of generated
 * samples inside some ball of the real ones; recall the share of real samples inside some ball of
 * the generated ones. Distances are computed a block at a time: memory grows with the number of
 * samples, not with its square.
 *
 * @param precision 0 to 1
 * @param recall 0 to 1
 * @param neighbours k
 */
public record PrecisionRecall(double precision, double recall, int neighbours) {
  /** The paper's k. */
  public static final int USUAL_NEIGHBOURS = 3;

  /** Both shares with k = 3. */
  public static PrecisionRecall between(FeatureSet real, FeatureSet generated) {
    return between(real, generated, USUAL_NEIGHBOURS);
  }

  /**
   * Both shares.
   *
   * @param neighbours k, at least 1
   * @throws IllegalArgumentException if a set has no more than k samples, or the dimensions differ
   */
  public static PrecisionRecall between(FeatureSet real, FeatureSet generated, int neighbours) {
    FeatureChecks.requireSameDimensions(real.dimensions(), generated.dimensions());
    double[] realBalls = squaredRadii(real, neighbours);
    double[] generatedBalls = squaredRadii(generated, neighbours);
    return new PrecisionRecall(
        shareInside(generated, real, realBalls),
        shareInside(real, generated, generatedBalls),
        neighbours);
  }

  /**
   * Distance of each sample to its k-th nearest neighbour, itself not counted.
   *
   * @param neighbours k, at least 1
   * @throws IllegalArgumentException if there are no more than k samples
   */
  public static double[] radii(FeatureSet set, int neighbours) {
    return Arrays.stream(squaredRadii(set, neighbours)).map(Math::sqrt).toArray();
  }

  private static double[] squaredRadii(FeatureSet set, int neighbours) {
    if (neighbours < 1 || set.rows() <= neighbours) {
      throw new IllegalArgumentException(
          "precision and recall with the "
              + neighbours
              + " nearest neighbours need at least 1 neighbour and more samples than neighbours,"
              + " got "
              + set.rows()
              + " samples; use more images");
    }
    double[][] nearest = new double[set.rows()][neighbours];
    for (double[] one : nearest) {
      Arrays.fill(one, Double.POSITIVE_INFINITY);
    }
    forEachBlock(
        set,
        set,
        (row, first, columns, squares) -> {
          for (int j = 0; j < columns; j++) {
            if (first + j != row) {
              insert(nearest[row], squares[j]);
            }
          }
        });
    return Arrays.stream(nearest).mapToDouble(one -> one[neighbours - 1]).toArray();
  }

  /** Keeps the smallest numbers in ascending order. */
  private static void insert(double[] smallest, double value) {
    int at = smallest.length - 1;
    if (value >= smallest[at]) {
      return;
    }
    for (; at > 0 && smallest[at - 1] > value; at--) {
      smallest[at] = smallest[at - 1];
    }
    smallest[at] = value;
  }

  private static double shareInside(FeatureSet points, FeatureSet centres, double[] squaredRadii) {
    boolean[] inside = new boolean[points.rows()];
    forEachBlock(
        points,
        centres,
        (row, first, columns, squares) -> {
          for (int j = 0; j < columns && !inside[row]; j++) {
            inside[row] = squares[j] <= squaredRadii[first + j];
          }
        });
    int count = 0;
    for (boolean one : inside) {
      count += one ? 1 : 0;
    }
    return (double) count / inside.length;
  }

  /** Takes the squared distances of a row to some columns; calls for one row do not overlap. */
  @FunctionalInterface
  private interface Block {
    void accept(int row, int firstColumn, int columns, double[] squaredDistances);
  }

  private static void forEachBlock(FeatureSet rows, FeatureSet columns, Block block) {
    int d = rows.dimensions();
    double[] turned = new double[d * RowPairs.COLUMNS];
    int[] all = IntStream.range(0, columns.rows()).toArray();
    for (int first = 0; first < all.length; first += RowPairs.COLUMNS) {
      int start = first;
      int width = Math.min(RowPairs.COLUMNS, all.length - first);
      columns.copyTurned(all, first, turned);
      IntStream.range(0, rows.rows())
          .parallel()
          .forEach(
              row -> {
                double[] x = new double[d];
                double[] squares = new double[RowPairs.COLUMNS];
                rows.copyRow(row, x);
                RowPairs.addSquaredDistances(x, turned, d, squares);
                block.accept(row, start, width, squares);
              });
    }
  }
}
