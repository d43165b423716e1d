package org.halfstep.data;

import java.io.IOException;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;

/** Images of one size that come a few at a time, so that they need not be in memory together. */
public interface ImageSource extends AutoCloseable {
  /** Number of images altogether. */
  int count();

  /** Rows of each image. */
  int height();

  /** Columns of each image. */
  int width();

  /** 1 for greyscale, 3 for RGB. */
  int channels();

  /**
   * The next images, fewer at the end, none after it.
   *
   * @param atMost number of images, at least 1
   * @throws DataException if what they come from is damaged
   */
  ImageBatch next(int atMost) throws IOException;

  @Override
  void close() throws IOException;

  /** Size of the images, for people: {@code 28x28x1}. */
  default String size() {
    return height() + "x" + width() + "x" + channels();
  }

  /** The images of a dataset in its order; the dataset stays the caller's. */
  static ImageSource of(ImageDataset dataset) {
    return new DatasetImages(dataset);
  }
}
