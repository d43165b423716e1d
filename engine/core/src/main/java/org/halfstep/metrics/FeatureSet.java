package org.halfstep.metrics;

import java.util.List;
import org.halfstep.numpy.NpyArray;

/**
 * Features of a set of images, all in memory (10,000 images with 2048 features are 80 MB): what
 * KID, precision and recall compare row by row.
 */
public final class FeatureSet {
  private final int rows;
  private final int dimensions;
  private final float[] values;

  /**
   * @param dimensions features per sample, at least 1
   * @param values [rows, dimensions] row-major; kept, not copied
   * @throws IllegalArgumentException if there are no whole rows or a feature is not finite
   */
  public FeatureSet(int dimensions, float[] values) {
    if (dimensions < 1) {
      throw new IllegalArgumentException(
          dimensions + " dimensions of features; expected 1 or more");
    }
    this.rows = FeatureChecks.rows(values.length, dimensions, "features");
    FeatureChecks.requireFinite(values, dimensions, 0, "features");
    this.dimensions = dimensions;
    this.values = values;
  }

  /**
   * Sets of equal dimensions, one after the other.
   *
   * @throws IllegalArgumentException if there is none, or dimensions differ
   */
  public static FeatureSet concatenated(List<FeatureSet> parts) {
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("no features to put together");
    }
    int d = parts.getFirst().dimensions;
    int length = 0;
    for (FeatureSet part : parts) {
      FeatureChecks.requireSameDimensions(d, part.dimensions);
      length = Math.addExact(length, part.values.length);
    }
    float[] all = new float[length];
    int at = 0;
    for (FeatureSet part : parts) {
      System.arraycopy(part.values, 0, all, at, part.values.length);
      at += part.values.length;
    }
    return new FeatureSet(d, all);
  }

  /** Number of samples. */
  public int rows() {
    return rows;
  }

  /** Features per sample. */
  public int dimensions() {
    return dimensions;
  }

  /** All features as [rows, dimensions]. */
  NpyArray array() {
    return NpyArray.of(values, rows, dimensions);
  }

  /** One row in double. */
  void copyRow(int row, double[] destination) {
    for (int k = 0; k < dimensions; k++) {
      destination[k] = values[row * dimensions + k];
    }
  }

  /** The rows {@code rows[first], ...}, transposed to [dimensions, COLUMNS], the rest zeros. */
  void copyTurned(int[] rows, int first, double[] destination) {
    int columns = Math.min(RowPairs.COLUMNS, rows.length - first);
    for (int k = 0; k < dimensions; k++) {
      for (int j = 0; j < RowPairs.COLUMNS; j++) {
        destination[k * RowPairs.COLUMNS + j] =
            j < columns ? values[rows[first + j] * dimensions + k] : 0;
      }
    }
  }
}
