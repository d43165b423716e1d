package org.halfstep.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageFile;

/**
 * All PNG and JPEG files below a folder, in order of their names, decoded as they are asked for:
 * generated images that another program wrote. They must have one size; nothing is resized. Where
 * one has colours all have: a grey one is red, green and blue alike.
 */
public final class PictureFolder implements ImageSource {
  /** Bytes of the images that are given together, where more than one is. */
  private static final int MOST_BYTES = 1 << 30;

  private final List<Path> files;
  private final List<String> notes;
  private final int channels;
  private final ImageFile.Pixels first;
  private int done;

  private PictureFolder(List<Path> files, List<String> notes, int channels) throws IOException {
    this.files = files;
    this.notes = notes;
    this.channels = channels;
    first = ImageFile.read(files.getFirst(), channels);
  }

  /**
   * Finds the files, reads of each whether it has colours, and decodes the first.
   *
   * @throws DataException if there is none, or one is damaged at its beginning
   */
  public static PictureFolder open(Path folder) throws IOException {
    PictureFiles found = PictureFiles.below(folder);
    if (found.isEmpty()) {
      throw new DataException(
          folder,
          "expected PNG or JPEG files, found "
              + (found.others().isEmpty() ? "none" : PictureFiles.list(found.others())));
    }
    List<String> notes = new ArrayList<>();
    PictureFiles.leftOut(folder, found.others()).ifPresent(notes::add);
    int grey = 0;
    for (Path file : found.files()) {
      grey += ImageFile.isGrey(file) ? 1 : 0;
    }
    int count = found.files().size();
    if (grey > 0 && grey < count) {
      notes.add(
          grey + " of " + count + " pictures have 1 channel, the others 3: all are read as colour");
    }
    return new PictureFolder(found.files(), notes, grey == count ? 1 : 3);
  }

  /** The files, in the order of the images. */
  public List<Path> files() {
    return files;
  }

  @Override
  public List<String> notes() {
    return notes;
  }

  @Override
  public int count() {
    return files.size();
  }

  @Override
  public int height() {
    return first.height();
  }

  @Override
  public int width() {
    return first.width();
  }

  @Override
  public int channels() {
    return channels;
  }

  @Override
  public ImageBatch next(int atMost) throws IOException {
    int values = Math.multiplyExact(height() * width(), channels());
    int images = Math.min(Math.min(atMost, count() - done), Math.max(1, MOST_BYTES / values));
    byte[] pixels = new byte[images * values];
    for (int i = 0; i < images; i++) {
      Path file = files.get(done + i);
      ImageFile.Pixels image = ImageFile.read(file, channels);
      if (image.height() != height() || image.width() != width()) {
        throw new DataException(
            file,
            "is "
                + image.height()
                + "x"
                + image.width()
                + ", "
                + files.getFirst().getFileName()
                + " is "
                + height()
                + "x"
                + width()
                + "; images that are measured together must have one size");
      }
      for (int j = 0; j < values; j++) {
        pixels[i * values + j] = (byte) Math.clamp(Math.round(image.values()[j]), 0, 255);
      }
    }
    done += images;
    return new ImageBatch(images, height(), width(), channels(), pixels);
  }

  @Override
  public void close() {}
}
