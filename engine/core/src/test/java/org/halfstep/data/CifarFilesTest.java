package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.halfstep.files.DataException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CifarFilesTest {
  private static final int RECORDS = 2;
  @TempDir Path ten;
  @TempDir Path hundred;

  /** Value of a pixel in the made files: differs by record, channel, row and column. */
  private static byte value(int record, int channel, int y, int x) {
    return (byte) (record * 31 + channel * 101 + y * 7 + x);
  }

  private static byte[] records(int labelBytes, int firstRecord, int... labels) {
    byte[] bytes = new byte[labels.length * (labelBytes + 3072)];
    int at = 0;
    for (int i = 0; i < labels.length; i++) {
      at += labelBytes - 1;
      bytes[at++] = (byte) labels[i];
      for (int c = 0; c < 3; c++) {
        for (int y = 0; y < 32; y++) {
          for (int x = 0; x < 32; x++) {
            bytes[at++] = value(firstRecord + i, c, y, x);
          }
        }
      }
    }
    return bytes;
  }

  @BeforeEach
  void write() throws IOException {
    for (int batch = 1; batch <= 5; batch++) {
      Files.write(ten.resolve("data_batch_" + batch + ".bin"), records(1, batch * 2 - 2, batch, 9));
    }
    Files.write(ten.resolve("test_batch.bin"), records(1, 40, 3, 4));
    Files.writeString(
        ten.resolve("batches.meta.txt"),
        "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    Files.write(hundred.resolve("train.bin"), records(2, 0, 99, 1));
    Files.write(hundred.resolve("test.bin"), records(2, 0, 0, 1));
    Files.writeString(
        hundred.resolve("fine_label_names.txt"),
        IntStream.range(0, 100).mapToObj(i -> "name" + i).collect(Collectors.joining("\n")));
  }

  @Test
  void readsCifar10() throws IOException {
    try (ImageDataset dataset = CifarFiles.open(ten, Split.TRAIN, RECORDS)) {
      assertEquals(10, dataset.count());
      assertEquals(3, dataset.channels());
      assertEquals(4, dataset.label(6));
      assertEquals("truck", dataset.classNames().get(dataset.label(7)));
      byte[] image = new byte[3072];
      dataset.copyBytes(7, MemorySegment.ofArray(image), 0);
      for (int y = 0; y < 32; y++) {
        for (int x = 0; x < 32; x++) {
          for (int c = 0; c < 3; c++) {
            assertEquals(value(7, c, y, x), image[(y * 32 + x) * 3 + c]);
          }
        }
      }
    }
    try (ImageDataset dataset = CifarFiles.open(ten, Split.TEST, RECORDS)) {
      assertEquals(2, dataset.count());
      assertEquals(3, dataset.label(0));
    }
  }

  @Test
  void readsTheFineLabelsOfCifar100() throws IOException {
    try (ImageDataset dataset = CifarFiles.open(hundred, Split.TRAIN, RECORDS)) {
      assertEquals("name99", dataset.classNames().get(dataset.label(0)));
      byte[] image = new byte[3072];
      dataset.copyBytes(1, MemorySegment.ofArray(image), 0);
      assertEquals(value(1, 2, 31, 30), image[(31 * 32 + 30) * 3 + 2]);
    }
  }

  private void assertRefused(Path folder, String expected) {
    String message =
        assertThrows(
                DataException.class, () -> CifarFiles.open(folder, Split.TRAIN, RECORDS).close())
            .getMessage();
    assertTrue(message.contains(expected), message);
    assertEquals(1, message.lines().count());
  }

  @Test
  void refusesWhatIsNotWhole() throws IOException {
    Path third = ten.resolve("data_batch_3.bin");
    byte[] whole = Files.readAllBytes(third);
    Files.write(third, Arrays.copyOf(whole, 3073));
    assertRefused(
        ten,
        third + ": byte 3073: expected the file to end after 2 records of 3073 bytes (6146 bytes)");
    Files.write(third, Arrays.copyOf(whole, 6147));
    assertRefused(ten, "found 6147 bytes");
    whole[3073] = 10;
    Files.write(third, whole);
    assertRefused(ten, third + ": byte 3073: expected a label from 0 to 9, found 10");
    Files.delete(third);
    assertRefused(ten, third + ": the file is missing");
    Files.writeString(ten.resolve("batches.meta.txt"), "airplane\n");
    assertRefused(ten, "expected 10 class names, found 1");
    Files.write(hundred.resolve("train.bin"), records(2, 0, 1, 100));
    assertRefused(hundred, "train.bin: byte 3075: expected a label from 0 to 99, found 100");
  }

  @Test
  void publishedSizesAreExpected() {
    String message =
        assertThrows(DataException.class, () -> CifarFiles.open(ten, Split.TRAIN).close())
            .getMessage();
    assertTrue(message.contains("(30730000 bytes), found 6146 bytes"), message);
  }
}
