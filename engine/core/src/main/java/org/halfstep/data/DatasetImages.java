package org.halfstep.data;

import org.halfstep.image.ImageBatch;

/** A dataset's images one after the other. */
final class DatasetImages implements ImageSource {
  private final ImageDataset dataset;
  private int done;

  DatasetImages(ImageDataset dataset) {
    this.dataset = dataset;
  }

  @Override
  public int count() {
    return dataset.count();
  }

  @Override
  public int height() {
    return dataset.height();
  }

  @Override
  public int width() {
    return dataset.width();
  }

  @Override
  public int channels() {
    return dataset.channels();
  }

  @Override
  public ImageBatch next(int atMost) {
    int[] indexes = new int[Math.min(atMost, count() - done)];
    for (int i = 0; i < indexes.length; i++) {
      indexes[i] = done++;
    }
    return dataset.batch(indexes);
  }

  /** The dataset is the caller's. */
  @Override
  public void close() {}
}
