package org.halfstep.metrics;

import org.halfstep.image.ImageBatch;

/** What every batch of features or logits has to fulfil. */
final class FeatureChecks {
  private FeatureChecks() {}

  /** The number of rows in a batch. */
  static int rows(int length, int width, String what) {
    if (length % width != 0) {
      throw new IllegalArgumentException(
          length + " " + what + " are not whole rows of " + width + "; give [rows, " + width + "]");
    }
    return length / width;
  }

  static void requireFinite(float[] values, int width, long firstRow, String what) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            what
                + " of sample "
                + (firstRow + i / width)
                + " have "
                + values[i]
                + " at "
                + i % width
                + "; expected finite numbers, look at the images and the network behind them");
      }
    }
  }

  static void requireSameDimensions(int first, int second) {
    if (first != second) {
      throw new IllegalArgumentException(
          "features of "
              + first
              + " dimensions cannot be compared with features of "
              + second
              + "; both sets must come from the same network");
    }
  }

  /** What an extractor writes must fit into the arrays that it was given. */
  static void requireRoom(
      FeatureExtractor extractor, ImageBatch batch, float[] toFeatures, float[] toLogits) {
    long features = (long) batch.count() * extractor.features();
    long logits = (long) batch.count() * extractor.classes();
    if (toFeatures.length < features || toLogits.length < logits) {
      throw new IllegalArgumentException(
          "features and logits of "
              + batch.count()
              + " images need "
              + features
              + " and "
              + logits
              + " numbers, got room for "
              + toFeatures.length
              + " and "
              + toLogits.length);
    }
  }
}
