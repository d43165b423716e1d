package org.halfstep.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.halfstep.files.DataException;
import org.halfstep.files.TextFile;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpyHeader;
import org.halfstep.numpy.NpyType;
import org.halfstep.numpy.NpzFile;

/**
 * Reader of the downsampled ImageNet (Chrabaszcz et al., 2017) as it is published: {@code
 * train_data_batch_1.npz} and following, {@code val_data.npz}, each with {@code data}, 8-bit images
 * plane by plane, and {@code labels} that count from 1.
 *
 * <p>Labels are numbers of their own. Where {@code map_clsloc.txt} lies beside ({@code n02119789 1
 * kit_fox}), classes are called by their synsets and stand in the order of these, as in folders of
 * ImageNet and in the published networks; else they are called by the numbers.
 */
public final class DownsampledImageNet {
  private static final String IMAGES = "data";
  private static final String LABELS = "labels";
  private static final String NAMES = "map_clsloc.txt";
  private static final String TEST = "val_data.npz";
  private static final int CLASSES = 1000;
  private static final int CHANNELS = 3;
  private static final int MOST_SIDE = 256;
  private static final int MOST_FILES = 1000;

  private final Arena arena;
  private final int side;
  private final int[] classes;
  private final MemorySegment pixels;
  private final int[] labels;
  private int read;

  private DownsampledImageNet(Arena arena, int images, int side, int[] classes) {
    this.arena = arena;
    this.side = side;
    this.classes = classes;
    this.pixels = arena.allocate((long) images * CHANNELS * side * side, Long.BYTES);
    this.labels = new int[images];
  }

  private static Path train(Path folder, int number) {
    return folder.resolve("train_data_batch_" + number + ".npz");
  }

  /** Whether a folder has such files. */
  static boolean matches(Path folder) {
    return Files.exists(train(folder, 1)) || Files.exists(folder.resolve(TEST));
  }

  /**
   * Reads a split.
   *
   * @throws DataException in one line, when a file is missing or damaged, or a label out of range
   */
  public static ImageDataset open(Path folder, Split split) throws IOException {
    List<Path> files = files(folder, split);
    TreeMap<String, Integer> synsets = new TreeMap<>();
    int[] classes = classes(folder.resolve(NAMES), synsets);
    int images = 0;
    int side = 0;
    for (Path file : files) {
      try (NpzFile npz = NpzFile.open(file);
          NpzFile.Input data = npz.input(IMAGES)) {
        int found = side(file, data.header());
        if (side != 0 && side != found) {
          throw new DataException(
              file, "has images of " + found + " pixels a side, files before it of " + side);
        }
        side = found;
        images = Math.addExact(images, (int) data.header().shape()[0]);
      } catch (ArithmeticException tooMany) {
        throw new DataException(file, "brings the images to more than 2 billion", tooMany);
      }
    }
    Arena arena = Arena.ofShared();
    try {
      DownsampledImageNet reader = new DownsampledImageNet(arena, images, side, classes);
      for (Path file : files) {
        reader.read(file);
      }
      return reader.dataset(
          synsets.isEmpty()
              ? IntStream.rangeClosed(1, CLASSES).mapToObj(Integer::toString).toList()
              : List.copyOf(synsets.keySet()),
          synsets.isEmpty());
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  private static List<Path> files(Path folder, Split split) throws IOException {
    List<Path> files = new ArrayList<>();
    if (split == Split.TEST) {
      files.add(folder.resolve(TEST));
    } else {
      for (int i = 1; i <= MOST_FILES && Files.exists(train(folder, i)); i++) {
        files.add(train(folder, i));
      }
      if (files.isEmpty()) {
        files.add(train(folder, 1));
      }
    }
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new DataException(file, "the file is missing");
      }
    }
    return files;
  }

  /**
   * The class of each label.
   *
   * @param synsets takes them by name, where they are named
   */
  private static int[] classes(Path names, Map<String, Integer> synsets) throws IOException {
    if (!Files.exists(names)) {
      return IntStream.range(0, CLASSES).toArray();
    }
    List<String> lines = TextFile.lines(names).stream().filter(line -> !line.isBlank()).toList();
    for (String line : lines) {
      String[] words = line.strip().split("\\s+");
      int label =
          words.length > 1 && words[1].matches("[0-9]{1,6}") ? Integer.parseInt(words[1]) : 0;
      if (label < 1 || label > lines.size() || synsets.containsValue(label)) {
        throw new DataException(
            names,
            "expected a synset and its label from 1 to "
                + lines.size()
                + " in each line, such as"
                + " \"n02119789 1 kit_fox\", each label once; found \""
                + line.strip()
                + "\"");
      }
      if (synsets.put(words[0], label) != null) {
        throw new DataException(names, "has the synset " + words[0] + " twice");
      }
    }
    if (synsets.isEmpty()) {
      throw new DataException(names, "has no line; expected a synset and its label in each");
    }
    int[] classes = new int[synsets.size()];
    int number = 0;
    for (int label : synsets.values()) {
      classes[label - 1] = number++;
    }
    return classes;
  }

  private static int side(Path file, NpyHeader header) throws IOException {
    long[] shape = header.shape();
    int side = shape.length == 2 ? (int) Math.sqrt(shape[1] / (double) CHANNELS) : 0;
    if (header.type() != NpyType.UINT8
        || header.fortranOrder()
        || shape.length != 2
        || shape[0] < 1
        || shape[0] > Integer.MAX_VALUE
        || side < 1
        || side > MOST_SIDE
        || shape[1] != (long) CHANNELS * side * side) {
      throw new DataException(
          file,
          IMAGES
              + " is "
              + header.type()
              + " "
              + header.shapeText()
              + "; expected UINT8 (images, 3 x side x side) in C order");
    }
    return side;
  }

  private void read(Path file) throws IOException {
    try (NpzFile npz = NpzFile.open(file);
        NpzFile.Input data = npz.input(IMAGES)) {
      int images = (int) data.header().shape()[0];
      NpyArray numbers = npz.array(LABELS);
      if (!numbers.type().isInteger()
          || numbers.shape().length != 1
          || numbers.shape()[0] != images) {
        throw new DataException(
            file,
            LABELS
                + " is "
                + numbers.type()
                + "; expected one integer for each of "
                + images
                + " images");
      }
      long[] values = numbers.longs();
      byte[] planes = new byte[CHANNELS * side * side];
      for (int i = 0; i < images; i++, read++) {
        if (values[i] < 1 || values[i] > classes.length) {
          throw new DataException(
              file,
              LABELS + " has " + values[i] + " at " + i + "; expected 1 to " + classes.length);
        }
        labels[read] = classes[(int) values[i] - 1];
        data.readFully(planes, planes.length);
        interleave(planes, (long) read * planes.length);
      }
    }
  }

  private void interleave(byte[] planes, long start) {
    int plane = side * side;
    long target = start;
    for (int pixel = 0; pixel < plane; pixel++) {
      for (int c = 0; c < CHANNELS; c++) {
        pixels.set(ValueLayout.JAVA_BYTE, target++, planes[c * plane + pixel]);
      }
    }
  }

  private ImageDataset dataset(List<String> names, boolean areNumbers) {
    List<String> notes =
        areNumbers
            ? List.of(
                "classes are called by the numbers of these files, which are not those of other"
                    + " ImageNet models: put "
                    + NAMES
                    + " beside them to have synsets")
            : List.of();
    return new ImageDataset(arena, pixels, labels, side, side, CHANNELS, names, notes);
  }
}
