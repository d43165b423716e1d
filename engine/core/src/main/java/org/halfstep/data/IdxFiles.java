package org.halfstep.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.halfstep.files.CheckedInput;
import org.halfstep.files.DataException;

/**
 * Reader of MNIST-style IDX files, plain or gzipped: one file of unsigned bytes [count, rows,
 * columns], one of unsigned bytes [count] with the labels. The format is described at the MNIST
 * database's page (LeCun, Cortes, Burges).
 */
public final class IdxFiles {
  /** Class names of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017). */
  public static final List<String> FASHION_MNIST =
      List.of(
          "t-shirt/top",
          "trouser",
          "pullover",
          "dress",
          "coat",
          "sandal",
          "shirt",
          "sneaker",
          "bag",
          "ankle boot");

  /** Class names of MNIST. */
  public static final List<String> DIGITS =
      List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9");

  /**
   * The file of a folder that lists the names of its classes, a line each, where they are neither
   * of the above.
   */
  public static final String CLASS_NAMES_FILE = "classes.txt";

  private static final int IMAGES_MAGIC = 0x0803;
  private static final int LABELS_MAGIC = 0x0801;
  private static final int LABELS_HEADER_BYTES = 8;
  private static final int MAXIMUM_SIDE = 1 << 14;
  // Both datasets come under the same file names; their first labels tell them apart.
  private static final int[] FASHION_TRAIN = {9, 0, 0, 3, 0, 2, 7, 2, 5, 5};
  private static final int[] FASHION_TEST = {9, 2, 1, 1, 6, 1, 4, 6, 5, 7};

  private IdxFiles() {}

  /**
   * Reads a split of a folder: {@code train-images-idx3-ubyte} and {@code train-labels-idx1-ubyte},
   * or the same with {@code t10k-}; with or without {@code .gz}; also with a point in place of the
   * last hyphen but one. Class names come from {@code classes.txt} if there is one; else
   * Fashion-MNIST is recognised, and everything else is called by number.
   */
  public static ImageDataset open(Path folder, Split split) throws IOException {
    Path images = find(folder, split, "images", "idx3");
    Path labels = find(folder, split, "labels", "idx1");
    if (images == null || labels == null) {
      throw new DataException(
          folder,
          "expected "
              + name(split, "images", "-idx3")
              + " and "
              + name(split, "labels", "-idx1")
              + ", plain or .gz, found "
              + (images == null && labels == null ? "neither" : "only one"));
    }
    Path names = folder.resolve(CLASS_NAMES_FILE);
    return open(images, labels, Files.exists(names) ? ClassNames.read(names) : null);
  }

  /** Whether a folder has the images of either split. */
  static boolean isIdxFolder(Path folder) {
    return find(folder, Split.TRAIN, "images", "idx3") != null
        || find(folder, Split.TEST, "images", "idx3") != null;
  }

  private static Path find(Path folder, Split split, String what, String kind) {
    for (String separator : List.of("-", ".")) {
      for (String ending : List.of("", ".gz")) {
        Path candidate = folder.resolve(name(split, what, separator + kind) + ending);
        if (Files.isRegularFile(candidate)) {
          return candidate;
        }
      }
    }
    return null;
  }

  private static String name(Split split, String what, String kind) {
    return (split == Split.TRAIN ? "train" : "t10k") + "-" + what + kind + "-ubyte";
  }

  /**
   * Reads a pair of files.
   *
   * @param classNames names of the classes, or null to recognise Fashion-MNIST, and number them
   *     where it is not
   * @throws DataException when a file is truncated, damaged, or not what its place asks for
   */
  public static ImageDataset open(Path images, Path labels, List<String> classNames)
      throws IOException {
    int[] classes = readLabels(labels);
    List<String> names = classNames == null ? recognise(classes) : classNames;
    for (int i = 0; i < classes.length; i++) {
      if (classes[i] >= names.size()) {
        throw new DataException(
            labels,
            LABELS_HEADER_BYTES + i,
            "expected a label from 0 to " + (names.size() - 1) + ", found " + classes[i]);
      }
    }
    return readImages(images, labels, classes, names);
  }

  private static int[] readLabels(Path path) throws IOException {
    try (CheckedInput input = CheckedInput.open(path)) {
      requireMagic(input, LABELS_MAGIC, "labels (one dimension of unsigned bytes)");
      int count = extent(input, "the number of labels", Integer.MAX_VALUE - 8);
      input.requireRemaining(count, "labels");
      byte[] bytes = new byte[count];
      input.readFully(MemorySegment.ofArray(bytes), "labels");
      input.requireEnd();
      int[] labels = new int[count];
      for (int i = 0; i < count; i++) {
        labels[i] = bytes[i] & 0xff;
      }
      return labels;
    }
  }

  private static ImageDataset readImages(
      Path path, Path labelsPath, int[] labels, List<String> names) throws IOException {
    try (CheckedInput input = CheckedInput.open(path)) {
      requireMagic(input, IMAGES_MAGIC, "images (three dimensions of unsigned bytes)");
      long countAt = input.position();
      int count = extent(input, "the number of images", Integer.MAX_VALUE);
      int rows = extent(input, "rows", MAXIMUM_SIDE);
      int columns = extent(input, "columns", MAXIMUM_SIDE);
      if (count != labels.length) {
        throw input.refuseAt(
            countAt,
            "expected "
                + labels.length
                + " images as "
                + labelsPath
                + " has labels, found "
                + count);
      }
      long bytes = (long) count * rows * columns;
      input.requireRemaining(bytes, "pixels");
      Arena arena = Arena.ofShared();
      try {
        MemorySegment pixels = input.readFully(arena, bytes, "pixels");
        input.requireEnd();
        return new ImageDataset(arena, pixels, labels, rows, columns, 1, names);
      } catch (Throwable failure) {
        arena.close();
        throw failure;
      }
    }
  }

  private static void requireMagic(CheckedInput input, int magic, String kind) throws IOException {
    int found = input.readInt("the IDX header");
    if (found != magic) {
      throw input.refuseAt(
          0,
          String.format(
              Locale.ROOT,
              "expected the IDX number 0x%08x of %s, found 0x%08x",
              magic,
              kind,
              found));
    }
  }

  private static int extent(CheckedInput input, String what, int most) throws IOException {
    long at = input.position();
    int value = input.readInt("the IDX header");
    if (value < 1 || value > most) {
      throw input.refuseAt(
          at,
          "expected "
              + what
              + " to be from 1 to "
              + most
              + ", found "
              + Integer.toUnsignedString(value));
    }
    return value;
  }

  private static List<String> recognise(int[] labels) {
    if (startsWith(labels, FASHION_TRAIN) || startsWith(labels, FASHION_TEST)) {
      return FASHION_MNIST;
    }
    List<String> numbers = new ArrayList<>();
    int classes = Math.max(DIGITS.size(), 1 + Arrays.stream(labels).max().orElse(0));
    for (int i = 0; i < classes; i++) {
      numbers.add(Integer.toString(i));
    }
    return numbers;
  }

  private static boolean startsWith(int[] labels, int[] start) {
    return labels.length >= start.length
        && Arrays.equals(labels, 0, start.length, start, 0, start.length);
  }
}
