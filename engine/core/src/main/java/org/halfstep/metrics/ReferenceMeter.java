package org.halfstep.metrics;

import org.halfstep.image.ImageBatch;

/**
 * Looks at real images as they come, and keeps of them what {@link ReferenceImages} has. Where
 * there are more than {@link ReferenceImages#ROWS}, the rows of features that are kept are spread
 * evenly, since a dataset may be sorted by class.
 */
public final class ReferenceMeter {
  private final FeatureExtractor extractor;
  private final FeatureStatistics statistics;
  private final int images;
  private final int rows;
  private final float[] kept;
  private int done;

  /**
   * @param images how many there will be, at least 2
   */
  public ReferenceMeter(FeatureExtractor extractor, int images) {
    if (images < 2) {
      throw new IllegalArgumentException(
          "a reference set needs at least 2 images, got " + images + "; use more");
    }
    this.extractor = extractor;
    this.images = images;
    statistics = new FeatureStatistics(extractor.features());
    rows = Math.min(images, ReferenceImages.ROWS);
    kept = new float[Math.multiplyExact(rows, extractor.features())];
  }

  /**
   * Takes up images.
   *
   * @throws IllegalArgumentException when there are more than announced, or they do not suit the
   *     extractor
   */
  public void add(ImageBatch batch) {
    if (batch.count() > images - done) {
      throw new IllegalArgumentException(
          (done + batch.count()) + " reference images, " + images + " were announced");
    }
    int width = extractor.features();
    float[] features = new float[batch.count() * width];
    extractor.extract(batch, features, new float[batch.count() * extractor.classes()]);
    statistics.add(features);
    for (int i = 0; i < batch.count(); i++) {
      // Image k is kept where k * rows / images, rounded down, is about to grow.
      long row = (long) done * rows / images;
      done++;
      if ((long) done * rows / images > row) {
        System.arraycopy(features, i * width, kept, (int) row * width, width);
      }
    }
  }

  /**
   * What was seen.
   *
   * @param name what the images are, for people
   * @throws IllegalStateException if not all have come
   */
  public ReferenceImages result(String name) {
    if (done != images) {
      throw new IllegalStateException(done + " of " + images + " reference images have come");
    }
    return new ReferenceImages(
        name, images, statistics.moments(), new FeatureSet(extractor.features(), kept));
  }
}
