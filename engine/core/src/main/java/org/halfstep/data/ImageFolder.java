package org.halfstep.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageFile;
import org.halfstep.image.Resampling;

/**
 * Reader of a folder with one sub-folder of PNG and JPEG files per class, in order of name. Images
 * are cut to the largest centred window of the requested aspect ratio and resized with a Lanczos
 * filter. A dataset that has the sub-folders {@code train} and {@code test} is read from these.
 */
public final class ImageFolder {
  private static final List<String> ENDINGS = List.of(".png", ".jpg", ".jpeg");

  private ImageFolder() {}

  /**
   * Reads all images of a split.
   *
   * @param folder one sub-folder per class, or {@code train} and {@code test} with these
   * @param split without sub-folders {@code train} and {@code test} only {@link Split#TRAIN} is
   *     there
   * @param height rows of the result
   * @param width columns of the result
   * @param channels 1 for greyscale, 3 for RGB
   * @throws DataException when a class has no image, or an image is truncated, damaged or of
   *     another format
   */
  public static ImageDataset open(Path folder, Split split, int height, int width, int channels)
      throws IOException {
    if (height < 1 || width < 1 || (channels != 1 && channels != 3)) {
      throw new IllegalArgumentException(
          "images of "
              + height
              + "x"
              + width
              + " with "
              + channels
              + " channels; expected sides from 1 and 1 or 3 channels");
    }
    Path root = splitFolder(folder, split);
    List<String> classNames = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    for (Path classFolder : subFolders(root)) {
      List<Path> images = imagesIn(classFolder);
      if (images.isEmpty()) {
        throw new DataException(classFolder, "expected PNG or JPEG files of one class, found none");
      }
      for (Path image : images) {
        files.add(image);
        labels.add(classNames.size());
      }
      classNames.add(classFolder.getFileName().toString());
    }
    if (files.isEmpty()) {
      throw new DataException(
          root, "expected one sub-folder of PNG or JPEG files per class, found no sub-folder");
    }
    return load(
        files,
        labels.stream().mapToInt(Integer::intValue).toArray(),
        classNames,
        height,
        width,
        channels);
  }

  private static Path splitFolder(Path folder, Split split) throws IOException {
    Path train = folder.resolve("train");
    // A class may be called "train" as well; then the folder has images in it, not classes.
    if (!Files.isDirectory(train) || subFolders(train).isEmpty()) {
      if (split == Split.TEST) {
        throw new DataException(
            folder, "has no sub-folders train and test, so there is no test split");
      }
      return folder;
    }
    Path test = folder.resolve("test");
    if (split == Split.TEST && !Files.isDirectory(test)) {
      throw new DataException(folder, "has a sub-folder train but none named test");
    }
    return split == Split.TRAIN ? train : test;
  }

  private static List<Path> subFolders(Path root) throws IOException {
    try (Stream<Path> entries = Files.list(root)) {
      return entries.filter(Files::isDirectory).filter(ImageFolder::isVisible).sorted().toList();
    }
  }

  private static List<Path> imagesIn(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .filter(Files::isRegularFile)
          .filter(ImageFolder::isVisible)
          .filter(ImageFolder::hasImageEnding)
          .sorted()
          .toList();
    }
  }

  private static boolean isVisible(Path path) {
    return !path.getFileName().toString().startsWith(".");
  }

  private static boolean hasImageEnding(Path path) {
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  private static ImageDataset load(
      List<Path> files, int[] labels, List<String> classNames, int height, int width, int channels)
      throws IOException {
    int imageBytes = Math.multiplyExact(Math.multiplyExact(height, width), channels);
    Arena arena = Arena.ofShared();
    try {
      MemorySegment pixels = arena.allocate((long) files.size() * imageBytes, Long.BYTES);
      IntStream.range(0, files.size())
          .parallel()
          .forEach(
              i -> {
                try {
                  decode(
                      files.get(i),
                      height,
                      width,
                      channels,
                      pixels.asSlice((long) i * imageBytes, imageBytes));
                } catch (IOException failure) {
                  throw new UncheckedIOException(failure);
                }
              });
      return new ImageDataset(arena, pixels, labels, height, width, channels, classNames);
    } catch (UncheckedIOException failure) {
      arena.close();
      throw failure.getCause();
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  private static void decode(Path file, int height, int width, int channels, MemorySegment target)
      throws IOException {
    ImageFile.Pixels image = ImageFile.read(file, channels);
    float[] resized =
        Resampling.cropAndResize(
            image.values(), image.height(), image.width(), channels, height, width);
    for (int i = 0; i < resized.length; i++) {
      target.set(ValueLayout.JAVA_BYTE, i, (byte) Math.clamp(Math.round(resized[i]), 0, 255));
    }
  }
}
