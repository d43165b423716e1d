package org.halfstep.data;

import java.io.IOException;
import java.util.List;
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
   * The next images: fewer at the end and where they are very large, none after the end.
   *
   * @param atMost number of images, at least 1
   * @throws DataException if what they come from is damaged
   */
  ImageBatch next(int atMost) throws IOException;

  @Override
  void close() throws IOException;

  /** What people should know of how images are read, a line each: what is left out, for one. */
  default List<String> notes() {
    return List.of();
  }

  /** Size of the images, for people: {@code 28x28x1}. */
  default String size() {
    return height() + "x" + width() + "x" + channels();
  }

  /** The images of a dataset in its order; the dataset stays the caller's. */
  static ImageSource of(ImageDataset dataset) {
    return new DatasetImages(dataset);
  }
}
