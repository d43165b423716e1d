package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.halfstep.files.DataException;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpyHeader;
import org.halfstep.numpy.NpyType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The published batches of downsampled ImageNet, as NumPy's savez writes them. */
class DownsampledImageNetTest {
  private static final int SIDE = 2;
  @TempDir Path folder;

  /** Value of a plane's pixel: 100 times the image, 10 times the channel, and the pixel. */
  private static byte[] planes(int first, int count) {
    byte[] data = new byte[count * 3 * SIDE * SIDE];
    for (int i = 0; i < data.length; i++) {
      int image = first + i / 12;
      data[i] = (byte) (50 * image + 10 * (i % 12 / 4) + i % 4);
    }
    return data;
  }

  private static void entry(ZipOutputStream zip, String name, byte[] header, byte[] data)
      throws IOException {
    zip.putNextEntry(new ZipEntry(name + ".npy"));
    zip.write(header);
    zip.write(data);
    zip.closeEntry();
  }

  private void batch(String name, int first, long... labels) throws IOException {
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(folder.resolve(name)))) {
      byte[] data = planes(first, labels.length);
      entry(zip, "data", NpyHeader.bytes(NpyType.UINT8, labels.length, 12), data);
      byte[] numbers = new byte[Long.BYTES * labels.length];
      for (int i = 0; i < labels.length; i++) {
        numbers[Long.BYTES * i] = (byte) labels[i];
        numbers[Long.BYTES * i + 1] = (byte) (labels[i] >> 8);
      }
      entry(zip, "labels", NpyHeader.bytes(NpyType.INT64, labels.length), numbers);
      entry(zip, "mean", NpyHeader.bytes(NpyType.FLOAT64, 1), new byte[Double.BYTES]);
    }
  }

  private static byte[] pixels(ImageDataset data, int image) {
    return data.batch(image).pixels();
  }

  @Test
  void planesBecomePixelsAndLabelsCountFromNought() throws IOException {
    batch("train_data_batch_1.npz", 0, 1, 1000);
    batch("train_data_batch_2.npz", 2, 7);
    batch("val_data.npz", 4, 3);
    try (ImageDataset data = Datasets.open(folder, DatasetOptions.of(Split.TRAIN))) {
      assertEquals(3, data.count());
      assertEquals(List.of(2, 2, 3), List.of(data.height(), data.width(), data.channels()));
      assertArrayEquals(new byte[] {0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23}, pixels(data, 0));
      assertEquals(100, pixels(data, 2)[0]);
      assertEquals(List.of(0, 999, 6), List.of(data.label(0), data.label(1), data.label(2)));
      assertEquals("7", data.classNames().get(6));
      assertTrue(data.notes().getFirst().contains("map_clsloc.txt"));
    }
    try (ImageDataset test = Datasets.open(folder, DatasetOptions.of(Split.TEST))) {
      assertEquals(1, test.count());
      assertEquals((byte) 200, pixels(test, 0)[0]);
      assertEquals(2, test.label(0));
    }
    assertTrue(Datasets.hasSplits(folder));
  }

  @Test
  void classesStandInTheOrderOfTheirSynsets() throws IOException {
    Files.writeString(
        folder.resolve("map_clsloc.txt"), "n03 1 kit_fox\nn01 2 setter\nn02 3 husky\n");
    batch("train_data_batch_1.npz", 0, 1, 2, 3);
    try (ImageDataset data = Datasets.open(folder, DatasetOptions.of(Split.TRAIN))) {
      assertEquals(List.of("n01", "n02", "n03"), data.classNames());
      assertEquals(List.of(2, 0, 1), List.of(data.label(0), data.label(1), data.label(2)));
      assertEquals(List.of(), data.notes());
    }
  }

  private String refused() {
    return assertThrows(
            DataException.class, () -> Datasets.open(folder, DatasetOptions.of(Split.TRAIN)))
        .getMessage();
  }

  @Test
  void whatCannotBeIsRefusedInALine() throws IOException {
    batch("train_data_batch_1.npz", 0, 1, 1001);
    assertTrue(refused().contains("labels has 1001 at 1; expected 1 to 1000"), refused());
    batch("train_data_batch_1.npz", 0, 0);
    assertTrue(refused().contains("labels has 0 at 0"), refused());
    Files.writeString(folder.resolve("map_clsloc.txt"), "n03 1 a\nn01 1 b\n");
    assertTrue(refused().contains("each label once"), refused());
    Files.delete(folder.resolve("map_clsloc.txt"));
    NpyArray.of(new byte[12], 1, 12).write(folder.resolve("train_data_batch_1.npz"));
    assertTrue(refused().contains("train_data_batch_1.npz"), refused());
    Files.delete(folder.resolve("train_data_batch_1.npz"));
    batch("val_data.npz", 0, 1);
    assertTrue(refused().contains("train_data_batch_1.npz: the file is missing"), refused());
  }
}
