package org.halfstep.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.files.CheckedInput;
import org.halfstep.files.DataException;

/**
 * Reader of the binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of one label
 * byte (two in CIFAR-100, coarse then fine) and 3072 bytes of a 32x32 image, plane by plane.
 */
public final class CifarFiles {
  private static final int SIDE = 32;
  private static final int PLANE = SIDE * SIDE;
  private static final int CHANNELS = 3;
  private static final int IMAGE_BYTES = CHANNELS * PLANE;

  private enum Kind {
    CIFAR_10(
        "batches.meta.txt",
        10,
        1,
        10_000,
        10_000,
        List.of(
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin"),
        List.of("test_batch.bin")),
    CIFAR_100(
        "fine_label_names.txt", 100, 2, 50_000, 10_000, List.of("train.bin"), List.of("test.bin"));

    final String namesFile;
    final int classes;
    final int labelBytes;
    final int trainRecords;
    final int testRecords;
    final List<String> train;
    final List<String> test;

    Kind(
        String namesFile,
        int classes,
        int labelBytes,
        int trainRecords,
        int testRecords,
        List<String> train,
        List<String> test) {
      this.namesFile = namesFile;
      this.classes = classes;
      this.labelBytes = labelBytes;
      this.trainRecords = trainRecords;
      this.testRecords = testRecords;
      this.train = train;
      this.test = test;
    }

    int recordBytes() {
      return labelBytes + IMAGE_BYTES;
    }
  }

  private CifarFiles() {}

  /**
   * Reads a split of a folder that holds the unpacked binary version: {@code data_batch_1.bin} to
   * {@code _5}, {@code test_batch.bin} and {@code batches.meta.txt}, or {@code train.bin}, {@code
   * test.bin} and {@code fine_label_names.txt}. The labels of CIFAR-100 are the fine ones.
   *
   * @throws DataException when a file is missing, has not exactly the published size, or a label is
   *     out of range
   */
  public static ImageDataset open(Path folder, Split split) throws IOException {
    Kind kind = kindOf(folder);
    if (kind == null) {
      throw new DataException(
          folder, "expected the binary version of CIFAR-10 or CIFAR-100, found neither");
    }
    return open(folder, kind, split, split == Split.TRAIN ? kind.trainRecords : kind.testRecords);
  }

  /** As {@link #open(Path, Split)}, for files with another number of records each. */
  static ImageDataset open(Path folder, Split split, int recordsPerFile) throws IOException {
    return open(folder, kindOf(folder), split, recordsPerFile);
  }

  /** Whether a folder has the class names of either version. */
  static boolean isCifarFolder(Path folder) {
    return kindOf(folder) != null;
  }

  private static Kind kindOf(Path folder) {
    for (Kind kind : Kind.values()) {
      if (Files.exists(folder.resolve(kind.namesFile))) {
        return kind;
      }
    }
    return null;
  }

  private static ImageDataset open(Path folder, Kind kind, Split split, int recordsPerFile)
      throws IOException {
    List<Path> files =
        (split == Split.TRAIN ? kind.train : kind.test).stream().map(folder::resolve).toList();
    List<String> names = ClassNames.read(folder.resolve(kind.namesFile));
    if (names.size() != kind.classes) {
      throw new DataException(
          folder.resolve(kind.namesFile),
          "expected " + kind.classes + " class names, found " + names.size());
    }
    long fileBytes = (long) recordsPerFile * kind.recordBytes();
    for (Path file : files) {
      requireSize(file, fileBytes, recordsPerFile, kind.recordBytes());
    }
    int count = Math.multiplyExact(files.size(), recordsPerFile);
    Arena arena = Arena.ofShared();
    try {
      MemorySegment pixels = arena.allocate((long) count * IMAGE_BYTES, Long.BYTES);
      int[] labels = new int[count];
      int first = 0;
      for (Path file : files) {
        readRecords(file, kind, recordsPerFile, pixels, labels, first);
        first += recordsPerFile;
      }
      return new ImageDataset(arena, pixels, labels, SIDE, SIDE, CHANNELS, names);
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  private static void requireSize(Path file, long expected, int records, int recordBytes)
      throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new DataException(file, "the file is missing");
    }
    long size = Files.size(file);
    if (size != expected) {
      throw new DataException(
          file,
          Math.min(size, expected),
          "expected the file to end after "
              + records
              + " records of "
              + recordBytes
              + " bytes ("
              + expected
              + " bytes), found "
              + size
              + " bytes");
    }
  }

  private static void readRecords(
      Path file, Kind kind, int records, MemorySegment pixels, int[] labels, int first)
      throws IOException {
    byte[] record = new byte[kind.recordBytes()];
    try (CheckedInput input = CheckedInput.open(file)) {
      for (int i = 0; i < records; i++) {
        long at = input.position() + kind.labelBytes - 1;
        input.readFully(MemorySegment.ofArray(record), "an image");
        int label = record[kind.labelBytes - 1] & 0xff;
        if (label >= kind.classes) {
          throw input.refuseAt(
              at, "expected a label from 0 to " + (kind.classes - 1) + ", found " + label);
        }
        labels[first + i] = label;
        long target = (long) (first + i) * IMAGE_BYTES;
        for (int pixel = 0; pixel < PLANE; pixel++) {
          for (int c = 0; c < CHANNELS; c++) {
            pixels.set(
                ValueLayout.JAVA_BYTE, target++, record[kind.labelBytes + c * PLANE + pixel]);
          }
        }
      }
      input.requireEnd();
    }
  }
}
