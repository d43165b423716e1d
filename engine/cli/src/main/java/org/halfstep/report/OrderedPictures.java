package org.halfstep.report;

import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.ReferenceImages;
import org.halfstep.metrics.ReferenceMeter;
import org.halfstep.random.WeightedOrder;

/**
 * Pictures with captions in the order in which a report goes through them: by their weights, the
 * same in every report. Not for several threads at once.
 */
public final class OrderedPictures {
  private static final long SEED = 0;
  private static final int TOGETHER = 50;

  private final String name;
  private final CaptionedPictures pictures;
  private final ImageDataset images;
  private final WeightedOrder order;

  /**
   * @param name what they are, for people: dataset and split
   * @param images of the pictures, image i of picture i; stays the caller's
   */
  public OrderedPictures(String name, CaptionedPictures pictures, ImageDataset images) {
    this.name = name;
    this.pictures = pictures;
    this.images = images;
    this.order = pictures.order(SEED);
  }

  /** What they are, with a digest of all of them. */
  String name() {
    return name + " (" + pictures.sha256().substring(0, 8) + ")";
  }

  /** How many there are. */
  int count() {
    return images.count();
  }

  /** Pixels of the images. */
  ImageDataset images() {
    return images;
  }

  /** How many come before they begin again: the sum of their weights. */
  int epoch() {
    return Math.toIntExact(order.examplesPerEpoch());
  }

  /** Index of the picture at a place of the order. */
  int index(long place) {
    return order.at(place);
  }

  /** The own caption of the picture at a place of the order. */
  String caption(long place) {
    return pictures.texts().all().get(pictures.texts().own(index(place)));
  }

  /** The pictures at some places of the order. */
  ImageBatch batch(long first, int some) {
    int[] indexes = new int[some];
    for (int i = 0; i < some; i++) {
      indexes[i] = index(first + i);
    }
    return images.batch(indexes);
  }

  /** The first pictures of the order as what others are compared with. */
  ReferenceImages reference(FeatureExtractor extractor, int some) {
    ReferenceMeter meter = new ReferenceMeter(extractor, some);
    for (int done = 0; done < some; done += TOGETHER) {
      meter.add(batch(done, Math.min(TOGETHER, some - done)));
    }
    return meter.result(name());
  }
}
