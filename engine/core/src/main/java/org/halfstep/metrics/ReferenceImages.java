package org.halfstep.metrics;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.ImageSource;

/**
 * A set of real images as an extractor sees it, that generated ones are compared with.
 *
 * @param name what it is, for people: dataset and split
 * @param images number of images behind the moments; 0 when that is not known
 * @param moments of all of them
 * @param features of {@link #ROWS} of them, for KID, precision and recall; null when only the
 *     moments are known
 */
public record ReferenceImages(
    String name, long images, FeatureMoments moments, FeatureSet features) {
  /**
   * Images whose features are compared one by one; the work grows with its square. Of both sets.
   */
  public static final int ROWS = 5_000;

  /** Published statistics: enough for a Frechet distance, and for nothing else. */
  public static ReferenceImages ofMoments(String name, FeatureMoments moments) {
    return new ReferenceImages(name, 0, moments, null);
  }

  /** Looks at all images of a dataset. */
  public static ReferenceImages of(FeatureExtractor extractor, ImageDataset data, String name) {
    ReferenceMeter meter = new ReferenceMeter(extractor, data.count());
    try (ImageSource images = ImageSource.of(data)) {
      for (int done = 0; done < data.count(); done += extractor.batch()) {
        meter.add(images.next(extractor.batch()));
      }
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible); // the images are in memory
    }
    return meter.result(name);
  }
}
