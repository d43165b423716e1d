package org.halfstep.metrics;

import org.halfstep.data.ImageBatch;
import org.halfstep.data.ImageDataset;

/**
 * A set of real images as an extractor sees it, that generated ones are compared with.
 *
 * @param name what it is, for people: dataset and split
 * @param images number of images behind the moments
 * @param moments of all of them
 * @param features of the first {@link #ROWS} of them, for KID, precision and recall
 */
public record ReferenceImages(
    String name, long images, FeatureMoments moments, FeatureSet features) {
  /**
   * Images whose features are compared one by one; the work grows with its square. Of both sets.
   */
  public static final int ROWS = 5_000;

  /** Looks at all images of a dataset. */
  public static ReferenceImages of(FeatureExtractor extractor, ImageDataset data, String name) {
    int features = extractor.features();
    int rows = Math.min(data.count(), ROWS);
    FeatureStatistics statistics = new FeatureStatistics(features);
    float[] kept = new float[rows * features];
    for (int first = 0; first < data.count(); first += extractor.batch()) {
      int[] indexes = new int[Math.min(extractor.batch(), data.count() - first)];
      for (int i = 0; i < indexes.length; i++) {
        indexes[i] = first + i;
      }
      float[] some = new float[indexes.length * features];
      float[] logits = new float[indexes.length * extractor.classes()];
      extractor.extract(ImageBatch.of(data, indexes), some, logits);
      statistics.add(some);
      if (first < rows) {
        System.arraycopy(
            some, 0, kept, first * features, Math.min(indexes.length, rows - first) * features);
      }
    }
    return new ReferenceImages(
        name, data.count(), statistics.moments(), new FeatureSet(features, kept));
  }
}
