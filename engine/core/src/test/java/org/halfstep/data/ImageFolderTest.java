package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.halfstep.files.DataException;
import org.halfstep.image.Resampling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageFolderTest {
  @TempDir Path folder;

  private Path save(String name, String format, int type, int width, int height, int rgb)
      throws IOException {
    BufferedImage image = new BufferedImage(width, height, type);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, rgb);
      }
    }
    return save(name, format, image);
  }

  private Path save(String name, String format, BufferedImage image) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    assertTrue(ImageIO.write(image, format, file.toFile()));
    return file;
  }

  private ImageDataset open(Split split, int height, int width, int channels) throws IOException {
    return ImageFolder.open(folder, DatasetOptions.of(split).withSize(height, width, channels));
  }

  private static byte[] image(ImageDataset dataset, int index) {
    byte[] bytes = new byte[dataset.imageValues()];
    dataset.copyBytes(index, MemorySegment.ofArray(bytes), 0);
    return bytes;
  }

  @Test
  void readsClassesInOrderOfName() throws IOException {
    save("b/2.png", "png", BufferedImage.TYPE_INT_RGB, 9, 7, 0xff0000);
    save("b/1.JPG", "jpg", BufferedImage.TYPE_INT_RGB, 40, 30, 0x808080);
    save("a/x.png", "png", BufferedImage.TYPE_INT_ARGB, 4, 4, 0x00123456);
    Files.writeString(folder.resolve("a/notes.txt"), "not an image");
    Files.writeString(folder.resolve("a/.hidden.png"), "not an image");
    Files.createDirectories(folder.resolve(".cache"));
    try (ImageDataset dataset = open(Split.TRAIN, 4, 4, 3)) {
      assertEquals(List.of("a", "b"), dataset.classNames());
      assertEquals(3, dataset.count());
      assertArrayEquals(
          new int[] {0, 1, 1}, new int[] {dataset.label(0), dataset.label(1), dataset.label(2)});
      assertEquals(-1, image(dataset, 0)[0], "transparent becomes white");
      assertEquals(128, image(dataset, 1)[0] & 0xff, 1);
      assertArrayEquals(new byte[] {-1, 0, 0}, Arrays.copyOf(image(dataset, 2), 3));
    }
    try (ImageDataset dataset = open(Split.TRAIN, 2, 3, 1)) {
      assertEquals(Math.round(0.299 * 255), image(dataset, 2)[5] & 0xff);
    }
  }

  @Test
  void greyValuesAreKept() throws IOException {
    BufferedImage grey = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY);
    BufferedImage deep = new BufferedImage(16, 16, BufferedImage.TYPE_USHORT_GRAY);
    byte[] expected = new byte[256];
    for (int i = 0; i < 256; i++) {
      expected[i] = (byte) i;
      grey.getRaster().setSample(i % 16, i / 16, 0, i);
      deep.getRaster().setSample(i % 16, i / 16, 0, i * 257);
    }
    save("a/1.png", "png", grey);
    save("a/2.png", "png", deep);
    try (ImageDataset dataset = open(Split.TRAIN, 16, 16, 1)) {
      assertArrayEquals(expected, image(dataset, 0));
      assertArrayEquals(expected, image(dataset, 1));
    }
    try (ImageDataset dataset = open(Split.TRAIN, 16, 16, 3)) {
      assertEquals(100, image(dataset, 0)[100 * 3 + 2]);
    }
  }

  @Test
  void cutsTheCentre() throws IOException {
    BufferedImage wide = new BufferedImage(12, 4, BufferedImage.TYPE_BYTE_GRAY);
    for (int y = 0; y < 4; y++) {
      for (int x = 0; x < 12; x++) {
        wide.getRaster().setSample(x, y, 0, x * 20);
      }
    }
    save("a/1.png", "png", wide);
    try (ImageDataset dataset = open(Split.TRAIN, 4, 4, 1)) {
      assertArrayEquals(new byte[] {80, 100, 120, (byte) 140}, Arrays.copyOf(image(dataset, 0), 4));
    }
  }

  @Test
  void splitsAreSubFolders() throws IOException {
    save("train/a/1.png", "png", BufferedImage.TYPE_INT_RGB, 4, 4, 0);
    assertRefused(Split.TEST, "none named test");
    save("test/a/1.png", "png", BufferedImage.TYPE_INT_RGB, 4, 4, 0xffffff);
    try (ImageDataset dataset = open(Split.TEST, 4, 4, 1)) {
      assertEquals(-1, image(dataset, 0)[0]);
    }
    try (ImageDataset dataset = open(Split.TRAIN, 4, 4, 1)) {
      assertEquals(0, image(dataset, 0)[0]);
    }
  }

  @Test
  void aClassMayBeCalledTrain() throws IOException {
    save("boat/1.png", "png", BufferedImage.TYPE_INT_RGB, 4, 4, 0);
    save("train/1.png", "png", BufferedImage.TYPE_INT_RGB, 4, 4, 0);
    try (ImageDataset dataset = open(Split.TRAIN, 4, 4, 1)) {
      assertEquals(List.of("boat", "train"), dataset.classNames());
    }
    assertRefused(Split.TEST, "there is no test split");
  }

  private void assertRefused(Split split, String expected) {
    String message =
        assertThrows(DataException.class, () -> open(split, 4, 4, 3).close()).getMessage();
    assertTrue(message.contains(expected), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void refusesDamagedFiles() throws IOException {
    BufferedImage noise = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 64 * 64; i++) {
      noise.setRGB(i % 64, i / 64, i * 0x9e3779b1);
    }
    save("a/0.png", "png", noise);
    for (String format : List.of("png", "jpg")) {
      Path file = save("a/1." + format, format, noise);
      byte[] whole = Files.readAllBytes(file);
      for (int length :
          new int[] {whole.length - 1, whole.length - 20, whole.length / 2, 30, 10, 3, 0}) {
        Files.write(file, Arrays.copyOf(whole, length));
        assertRefused(Split.TRAIN, file + ": byte ");
      }
      Files.writeString(file, "this is text");
      assertRefused(Split.TRAIN, "expected a PNG or JPEG file");
      Files.delete(file);
    }
    Files.delete(folder.resolve("a/0.png"));
    assertRefused(Split.TRAIN, "found none");
    Files.delete(folder.resolve("a"));
    assertRefused(Split.TRAIN, "in one sub-folder per class or all here, found none");
  }

  @Test
  void constantImagesStayConstant() {
    float[] source = new float[37 * 53 * 3];
    Arrays.fill(source, 77f);
    for (int[] size : new int[][] {{8, 8}, {37, 53}, {100, 90}, {1, 1}, {5, 80}}) {
      for (float value : Resampling.cropAndResize(source, 37, 53, 3, size[0], size[1])) {
        assertEquals(77, value, 1e-3);
      }
    }
  }

  @Test
  void meanIsPreserved() {
    // A smooth bump that falls to the same value at every border.
    float[] source = new float[60 * 60];
    double mean = 0;
    for (int i = 0; i < source.length; i++) {
      source[i] =
          (float)
              (100
                  + 90
                      * Math.sin(Math.PI * (i % 60 + 0.5) / 60)
                      * Math.sin(Math.PI * (i / 60 + 0.5) / 60));
      mean += source[i] / source.length;
    }
    float[] small = Resampling.cropAndResize(source, 60, 60, 1, 11, 11);
    double smallMean = 0;
    for (float value : small) {
      smallMean += value / small.length;
    }
    assertEquals(mean, smallMean, 0.5);
  }

  @Test
  void aCheckerboardDoesNotAlias() {
    float[] source = new float[96 * 96];
    for (int i = 0; i < source.length; i++) {
      source[i] = (i % 96 + i / 96) % 2 * 255f;
    }
    for (int size : new int[] {48, 31, 32, 7}) {
      float[] small = Resampling.cropAndResize(source, 96, 96, 1, size, size);
      for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
          // Where the filter is cut off by the border it averages a little worse.
          boolean border = Math.min(Math.min(x, y), size - 1 - Math.max(x, y)) < 3;
          assertEquals(127.5, small[y * size + x], border ? 6 : 0.5, size + ": " + y + ", " + x);
        }
      }
    }
  }

  @Test
  void theSameSizeChangesNothing() {
    float[] source = new float[9 * 5 * 3];
    for (int i = 0; i < source.length; i++) {
      source[i] = i * 31 % 256;
    }
    assertArrayEquals(source, Resampling.cropAndResize(source, 9, 5, 3, 9, 5), 1e-3f);
  }
}
