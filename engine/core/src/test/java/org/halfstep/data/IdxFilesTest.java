package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.halfstep.files.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IdxFilesTest {
  @TempDir Path folder;

  static byte[] images(int magic, int count, int rows, int columns, byte[] pixels) {
    return ByteBuffer.allocate(16 + pixels.length)
        .putInt(magic)
        .putInt(count)
        .putInt(rows)
        .putInt(columns)
        .put(pixels)
        .array();
  }

  static byte[] labels(int magic, int count, int... labels) {
    ByteBuffer bytes = ByteBuffer.allocate(8 + labels.length).putInt(magic).putInt(count);
    for (int label : labels) {
      bytes.put((byte) label);
    }
    return bytes.array();
  }

  static byte[] gzip(byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
      gzip.write(content);
    }
    return bytes.toByteArray();
  }

  private static byte[] pixels(int count) {
    byte[] pixels = new byte[count];
    for (int i = 0; i < count; i++) {
      pixels[i] = (byte) (i * 37);
    }
    return pixels;
  }

  private static final byte[] GOOD_IMAGES = images(0x803, 3, 2, 4, pixels(24));
  private static final byte[] GOOD_LABELS = labels(0x801, 3, 1, 0, 9);

  private void assertRefused(byte[] images, byte[] labels, String expected) throws IOException {
    Path imageFile = Files.write(folder.resolve("images"), images);
    Path labelFile = Files.write(folder.resolve("labels"), labels);
    String message =
        assertThrows(
                DataException.class,
                () -> IdxFiles.open(imageFile, labelFile, IdxFiles.DIGITS).close())
            .getMessage();
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.startsWith(folder.toString()), message);
    assertTrue(message.contains(expected), message);
  }

  @Test
  void readsPlainAndGzipped() throws IOException {
    Files.write(folder.resolve("train-images-idx3-ubyte"), GOOD_IMAGES);
    Files.write(folder.resolve("train-labels-idx1-ubyte.gz"), gzip(GOOD_LABELS));
    Files.write(folder.resolve("t10k-images.idx3-ubyte.gz"), gzip(GOOD_IMAGES));
    Files.write(folder.resolve("t10k-labels.idx1-ubyte"), GOOD_LABELS);
    for (Split split : Split.values()) {
      try (ImageDataset dataset = IdxFiles.open(folder, split)) {
        assertEquals(3, dataset.count());
        assertEquals(2, dataset.height());
        assertEquals(4, dataset.width());
        assertEquals(1, dataset.channels());
        assertEquals(9, dataset.label(2));
        assertEquals(IdxFiles.DIGITS, dataset.classNames());
        byte[] second = new byte[8];
        dataset.copyBytes(1, MemorySegment.ofArray(second), 0);
        assertArrayEquals(Arrays.copyOfRange(pixels(24), 8, 16), second);
      }
    }
  }

  @Test
  void knowsFashionMnistAndNamedClasses() throws IOException {
    byte[] images = images(0x803, 10, 1, 1, pixels(10));
    Files.write(folder.resolve("train-images-idx3-ubyte"), images);
    Files.write(
        folder.resolve("train-labels-idx1-ubyte"), labels(0x801, 10, 9, 0, 0, 3, 0, 2, 7, 2, 5, 5));
    try (ImageDataset dataset = IdxFiles.open(folder, Split.TRAIN)) {
      assertEquals("ankle boot", dataset.classNames().get(dataset.label(0)));
    }
    Files.writeString(folder.resolve("classes.txt"), "a\nb\n\nc\nd\ne\nf\ng\nh\ni\nj\n");
    try (ImageDataset dataset = IdxFiles.open(folder, Split.TRAIN)) {
      assertEquals("j", dataset.classNames().get(dataset.label(0)));
    }
    assertTrue(
        assertThrows(DataException.class, () -> IdxFiles.open(folder, Split.TEST))
            .getMessage()
            .contains("expected t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"));
  }

  @Test
  void refusesWhatIsNotWhole() throws IOException {
    assertRefused(
        Arrays.copyOf(GOOD_IMAGES, 39),
        GOOD_LABELS,
        "byte 16: expected 24 bytes of pixels, found 23");
    assertRefused(
        Arrays.copyOf(GOOD_IMAGES, 41),
        GOOD_LABELS,
        "byte 16: expected 24 bytes of pixels, found 25");
    assertRefused(Arrays.copyOf(GOOD_IMAGES, 10), GOOD_LABELS, "byte 10: the file ends");
    assertRefused(
        GOOD_IMAGES, Arrays.copyOf(GOOD_LABELS, 10), "byte 8: expected 3 bytes of labels, found 2");
    assertRefused(new byte[0], GOOD_LABELS, "byte 0: the file ends");
    assertRefused(
        gzip(Arrays.copyOf(GOOD_IMAGES, 39)),
        GOOD_LABELS,
        "byte 39: (unpacked) the file ends, expected 1");
    assertRefused(
        gzip(Arrays.copyOf(GOOD_IMAGES, 41)), GOOD_LABELS, "byte 40: (unpacked) expected the end");
    byte[] zipped = gzip(GOOD_IMAGES);
    assertRefused(Arrays.copyOf(zipped, zipped.length - 12), GOOD_LABELS, "the file ends");
    byte[] badChecksum = zipped.clone();
    badChecksum[zipped.length - 8] ^= 1;
    assertRefused(badChecksum, GOOD_LABELS, "damaged gzip data");
  }

  @Test
  void refusesTheWrongKind() throws IOException {
    assertRefused(GOOD_LABELS, GOOD_LABELS, "byte 0: expected the IDX number 0x00000803 of images");
    assertRefused(GOOD_IMAGES, GOOD_IMAGES, "byte 0: expected the IDX number 0x00000801 of labels");
    assertRefused(
        GOOD_IMAGES, labels(0x801, 3, 1, 10, 2), "byte 9: expected a label from 0 to 9, found 10");
    assertRefused(GOOD_IMAGES, labels(0x801, 2, 1, 2), "byte 4: expected 2 images");
  }

  @Test
  void refusesHostileCountsBeforeAllocating() throws IOException {
    assertRefused(GOOD_IMAGES, labels(0x801, -1, 1), "byte 4: expected the number of labels");
    assertRefused(
        GOOD_IMAGES,
        labels(0x801, Integer.MAX_VALUE - 8, 1),
        "expected 2147483639 bytes of labels, found 1");
    assertRefused(GOOD_IMAGES, gzip(labels(0x801, Integer.MAX_VALUE - 8, 1)), "found at most ");
    assertRefused(
        images(0x803, 3, 1 << 14, 1 << 14, pixels(24)),
        GOOD_LABELS,
        "expected 805306368 bytes of pixels");
    assertRefused(
        gzip(images(0x803, 3, 1 << 14, 1 << 14, pixels(24))), GOOD_LABELS, "found at most ");
    assertRefused(
        images(0x803, 3, -4, 4, pixels(24)), GOOD_LABELS, "byte 8: expected rows to be from 1");
    assertRefused(
        images(0x803, 3, 2, 0, pixels(24)), GOOD_LABELS, "byte 12: expected columns to be from 1");
  }

  @Test
  void normalizesAndFlips() {
    byte[] pixels = new byte[2 * 2 * 3 * 3];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (i * 7);
    }
    try (ImageDataset dataset = ImageDataset.of(pixels, new int[] {0, 0}, 2, 3, 3, List.of("a"))) {
      float[] straight = new float[1 + 18];
      float[] flipped = new float[1 + 18];
      dataset.copyNormalized(1, false, MemorySegment.ofArray(straight), Float.BYTES);
      dataset.copyNormalized(1, true, MemorySegment.ofArray(flipped), Float.BYTES);
      for (int y = 0; y < 2; y++) {
        for (int x = 0; x < 3; x++) {
          for (int c = 0; c < 3; c++) {
            int value = pixels[18 + (y * 3 + x) * 3 + c] & 0xff;
            assertEquals(value / 127.5 - 1, straight[1 + (y * 3 + x) * 3 + c], 1e-6);
            assertEquals(straight[1 + (y * 3 + x) * 3 + c], flipped[1 + (y * 3 + 2 - x) * 3 + c]);
          }
        }
      }
    }
  }

  @Test
  void normalizedRangeIsExact() {
    try (ImageDataset dataset =
        ImageDataset.of(new byte[] {0, -1}, new int[] {0}, 1, 2, 1, List.of("a"))) {
      float[] values = new float[2];
      dataset.copyNormalized(0, false, MemorySegment.ofArray(values), 0);
      assertArrayEquals(new float[] {-1, 1}, values);
    }
  }

  @Test
  void aLargePackedFileIsReadInParts() throws IOException {
    int count = 72;
    int side = 1000;
    Path images = folder.resolve("train-images-idx3-ubyte.gz");
    try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(images))) {
      out.write(
          ByteBuffer.allocate(16).putInt(0x803).putInt(count).putInt(side).putInt(side).array());
      byte[] image = new byte[side * side];
      for (int i = 0; i < count; i++) {
        Arrays.fill(image, (byte) (i + 1));
        out.write(image);
      }
    }
    byte[] classes = new byte[count];
    Files.write(
        folder.resolve("train-labels-idx1-ubyte"),
        ByteBuffer.allocate(8 + count).putInt(0x801).putInt(count).put(classes).array());
    try (ImageDataset data = IdxFiles.open(folder, Split.TRAIN)) {
      for (int i = 0; i < count; i++) {
        byte[] pixels = data.batch(i).pixels();
        assertEquals(i + 1, pixels[0]);
        assertEquals(i + 1, pixels[pixels.length - 1]);
      }
    }
  }
}
