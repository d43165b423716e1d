package org.halfstep.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageFile;

/**
 * All PNG and JPEG files below a folder, in order of their names, decoded as they are asked for:
 * generated images that another program wrote. They must have one size; nothing is resized.
 */
public final class PictureFolder implements ImageSource {
  private static final List<String> ENDINGS = List.of(".png", ".jpg", ".jpeg");

  private static final int AS_IN_FILE = 0;

  private final List<Path> files;
  private final ImageFile.Pixels first;
  private int done;

  private PictureFolder(List<Path> files) throws IOException {
    this.files = files;
    first = ImageFile.read(files.getFirst(), AS_IN_FILE);
  }

  /**
   * Finds the files and decodes the first, which says whether they are grey or in colour.
   *
   * @throws DataException if there is none, or the first is damaged
   */
  public static PictureFolder open(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> below = Files.walk(folder)) {
      files = below.filter(PictureFolder::isPicture).sorted().toList();
    }
    if (files.isEmpty()) {
      throw new DataException(folder, "expected PNG or JPEG files, found none");
    }
    return new PictureFolder(files);
  }

  private static boolean isPicture(Path path) {
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    return !name.startsWith(".")
        && ENDINGS.stream().anyMatch(name::endsWith)
        && Files.isRegularFile(path);
  }

  /** The files, in the order of the images. */
  public List<Path> files() {
    return files;
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
    return first.channels();
  }

  @Override
  public ImageBatch next(int atMost) throws IOException {
    int images = Math.min(atMost, count() - done);
    int values = height() * width() * channels();
    byte[] pixels = new byte[Math.multiplyExact(images, values)];
    for (int i = 0; i < images; i++) {
      Path file = files.get(done + i);
      ImageFile.Pixels image = ImageFile.read(file, AS_IN_FILE);
      if (image.height() != height()
          || image.width() != width()
          || image.channels() != channels()) {
        throw new DataException(
            file,
            "is "
                + image.height()
                + "x"
                + image.width()
                + "x"
                + image.channels()
                + ", "
                + files.getFirst().getFileName()
                + " is "
                + size()
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
