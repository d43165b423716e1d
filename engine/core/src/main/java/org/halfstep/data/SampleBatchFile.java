package org.halfstep.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpyHeader;
import org.halfstep.numpy.NpyType;
import org.halfstep.numpy.NpzFile;

/**
 * Generated images as guided-diffusion's sampling scripts write them and its evaluator reads them:
 * an {@code .npz} with {@code arr_0}, uint8 [N, H, W, C], and for class-conditional samples {@code
 * arr_1}, int64 [N]. Images are read and written a batch at a time, so that they never sit in
 * memory together.
 */
public final class SampleBatchFile implements ImageSource {
  private static final String IMAGES = "arr_0";
  private static final String LABELS = "arr_1";
  private static final int MAXIMUM_SIDE = 1 << 14;

  /** Bytes of the images that are given together, where more than one is. */
  private static final int MOST_BYTES = 1 << 30;

  private final NpzFile npz;
  private final NpzFile.Input images;
  private final int count;
  private final int height;
  private final int width;
  private final int channels;
  private int done;

  private SampleBatchFile(NpzFile npz, NpzFile.Input images) {
    this.npz = npz;
    this.images = images;
    long[] shape = images.header().shape();
    count = (int) shape[0];
    height = (int) shape[1];
    width = (int) shape[2];
    channels = (int) shape[3];
  }

  /**
   * Opens a file.
   *
   * @throws DataException if it is missing, damaged, or holds no images
   */
  public static SampleBatchFile open(Path file) throws IOException {
    NpzFile npz = NpzFile.open(file);
    try {
      NpzFile.Input images = npz.input(IMAGES);
      NpyHeader header = images.header();
      long[] shape = header.shape();
      boolean good =
          header.type() == NpyType.UINT8
              && !header.fortranOrder()
              && shape.length == 4
              && shape[0] >= 1
              && shape[0] <= Integer.MAX_VALUE
              && shape[1] >= 1
              && shape[1] <= MAXIMUM_SIDE
              && shape[2] >= 1
              && shape[2] <= MAXIMUM_SIDE
              && (shape[3] == 1 || shape[3] == 3);
      if (!good) {
        throw new DataException(
            file,
            IMAGES
                + " is "
                + header.type()
                + " "
                + header.shapeText()
                + (header.fortranOrder() ? " in Fortran order" : "")
                + "; expected UINT8 (samples, height, width, 1 or 3) in C order");
      }
      return new SampleBatchFile(npz, images);
    } catch (Throwable failure) {
      npz.close();
      throw failure;
    }
  }

  @Override
  public int count() {
    return count;
  }

  @Override
  public int height() {
    return height;
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public int channels() {
    return channels;
  }

  /**
   * The class of each image, if the file has classes.
   *
   * @throws DataException if they are not integers from 0, or not as many as images
   */
  public Optional<int[]> labels() throws IOException {
    if (!npz.has(LABELS)) {
      return Optional.empty();
    }
    NpyArray array = npz.array(LABELS);
    if (!array.type().isInteger() || !Arrays.equals(array.shape(), new long[] {count})) {
      throw new DataException(
          npz.path(),
          LABELS
              + " is "
              + array.type()
              + " "
              + Arrays.toString(array.shape())
              + "; expected one integer for each of "
              + count
              + " images");
    }
    int[] labels = new int[count];
    long[] values = array.longs();
    for (int i = 0; i < count; i++) {
      if (values[i] < 0 || values[i] > Integer.MAX_VALUE) {
        throw new DataException(
            npz.path(),
            LABELS + " has the label " + values[i] + " at " + i + "; expected 0 or more");
      }
      labels[i] = (int) values[i];
    }
    return Optional.of(labels);
  }

  @Override
  public ImageBatch next(int atMost) throws IOException {
    if (atMost < 1) {
      throw new IllegalArgumentException("batches of " + atMost + " images; expected 1 or more");
    }
    int imageBytes = height * width * channels;
    int images = Math.min(Math.min(atMost, count - done), Math.max(1, MOST_BYTES / imageBytes));
    byte[] pixels = new byte[images * imageBytes];
    if (images > 0) {
      this.images.readFully(pixels, pixels.length);
    }
    done += images;
    return new ImageBatch(images, height, width, channels, pixels);
  }

  /** Gives images a few at a time, each time those after the ones that it gave before. */
  @FunctionalInterface
  public interface Batches {
    ImageBatch next() throws IOException;
  }

  /**
   * Writes a file, whole or not at all.
   *
   * @param count number of images, at least 1
   * @param labels class of each image, or empty
   * @param batches images of one size; asked for more when those before were written, until there
   *     are {@code count}
   * @throws IllegalArgumentException if images or labels are not as many as announced, or images
   *     differ in size
   */
  public static void write(Path file, int count, Optional<int[]> labels, Batches batches)
      throws IOException {
    if (count < 1) {
      throw new IllegalArgumentException("a file of samples needs at least one image");
    }
    if (labels.isPresent() && labels.get().length != count) {
      throw new IllegalArgumentException(
          labels.get().length + " labels for " + count + " images; expected one for each");
    }
    NpzFile.write(
        file,
        writer -> {
          ImageBatch first = batches.next();
          writer.begin(
              IMAGES, NpyType.UINT8, count, first.height(), first.width(), first.channels());
          writer.write(first.pixels());
          for (int done = first.count(); done < count; ) {
            ImageBatch batch = batches.next();
            if (batch.count() == 0) {
              throw new IllegalArgumentException("there are " + done + " images, not " + count);
            }
            if (batch.height() != first.height()
                || batch.width() != first.width()
                || batch.channels() != first.channels()) {
              throw new IllegalArgumentException("samples of one file must have one size");
            }
            writer.write(batch.pixels());
            done += batch.count();
          }
          if (labels.isPresent()) {
            long[] values = Arrays.stream(labels.get()).asLongStream().toArray();
            writer.add(LABELS, NpyArray.of(values, count));
          }
        });
  }

  @Override
  public void close() throws IOException {
    images.close();
    npz.close();
  }
}
