package org.halfstep.data;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.image.ImageBatch;

/** Pictures of any shape in one size, decoded as they are asked for. */
final class PictureStream implements ImageSource {
  /** Bytes of the images that are given together, where more than one is. */
  private static final int MOST_BYTES = 1 << 28;

  private final List<Path> files;
  private final DatasetOptions options;
  private final DecodedPictures decoded;
  private final List<String> notes;
  private int done;

  /**
   * @param options with a size and a number of channels
   * @param notes what is known of the files already
   */
  PictureStream(List<Path> files, DatasetOptions options, List<String> notes) {
    this.files = files;
    this.options = options;
    this.decoded = new DecodedPictures(options);
    this.notes = notes;
  }

  @Override
  public int count() {
    return files.size();
  }

  @Override
  public int height() {
    return options.height();
  }

  @Override
  public int width() {
    return options.width();
  }

  @Override
  public int channels() {
    return options.channels();
  }

  @Override
  public ImageBatch next(int atMost) throws IOException {
    int bytes = decoded.imageBytes();
    int images = Math.min(Math.min(atMost, count() - done), Math.max(1, MOST_BYTES / bytes));
    byte[] pixels = new byte[images * bytes];
    decoded.decode(files.subList(done, done + images), MemorySegment.ofArray(pixels));
    done += images;
    return new ImageBatch(images, height(), width(), channels(), pixels);
  }

  /** Complete once the last image was given. */
  @Override
  public List<String> notes() {
    List<String> all = new ArrayList<>(notes);
    all.addAll(decoded.notes());
    return all;
  }

  @Override
  public void close() {}
}
