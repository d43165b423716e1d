package org.halfstep.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.halfstep.data.ImageDataset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageGridTest {
  @TempDir Path folder;

  @Test
  void placesImagesRowByRow() throws IOException {
    // Three images of 1x2 grey pixels in two columns, padding 1, scale 2.
    ImageBatch batch = new ImageBatch(3, 1, 2, 1, new byte[] {10, 20, 30, 40, 50, 60});
    Path file = folder.resolve("deep/grid.png");
    new ImageGrid(2, 1, 2).write(file, batch, Map.of());
    BufferedImage picture = ImageIO.read(file.toFile());
    assertEquals(1 + 2 * 5, picture.getWidth());
    assertEquals(1 + 2 * 3, picture.getHeight());
    int w = 255;
    assertArrayEquals(new int[] {w, w, w, w, w, w, w, w, w, w, w}, row(picture, 0));
    assertArrayEquals(new int[] {w, 10, 10, 20, 20, w, 30, 30, 40, 40, w}, row(picture, 1));
    assertArrayEquals(new int[] {w, 10, 10, 20, 20, w, 30, 30, 40, 40, w}, row(picture, 2));
    assertArrayEquals(new int[] {w, 50, 50, 60, 60, w, w, w, w, w, w}, row(picture, 4));
    try (Stream<Path> files = Files.list(file.getParent())) {
      assertEquals(List.of(file), files.toList());
    }
  }

  private static int[] row(BufferedImage picture, int y) {
    return picture.getRaster().getSamples(0, y, picture.getWidth(), 1, 0, (int[]) null);
  }

  @Test
  void singleColourImagesKeepEveryByte() throws IOException {
    byte[] pixels = new byte[2 * 2 * 3 * 3];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (i * 7 + 100);
    }
    Path file = folder.resolve("single.png");
    ImageGrid.writeSingle(file, new ImageBatch(2, 2, 3, 3, pixels), 1, Map.of());
    BufferedImage picture = ImageIO.read(file.toFile());
    assertEquals(3, picture.getWidth());
    assertEquals(2, picture.getHeight());
    for (int y = 0; y < 2; y++) {
      for (int x = 0; x < 3; x++) {
        int at = 18 + (y * 3 + x) * 3;
        int rgb = (pixels[at] & 0xff) << 16 | (pixels[at + 1] & 0xff) << 8 | pixels[at + 2] & 0xff;
        assertEquals(rgb, picture.getRGB(x, y) & 0xffffff);
      }
    }
  }

  @Test
  void anImageIsAPictureOfJavasAndAPngInMemoryAndInAStream() throws IOException {
    byte[] pixels = {1, 2, 3, 4, 5, 6, (byte) 200, (byte) 201, (byte) 202, 10, 11, 12};
    ImageBatch colour = new ImageBatch(2, 1, 2, 3, pixels);
    BufferedImage second = colour.image(1);
    assertEquals(2, second.getWidth());
    assertEquals(1, second.getHeight());
    assertEquals(200 << 16 | 201 << 8 | 202, second.getRGB(0, 0) & 0xffffff);
    assertEquals(10 << 16 | 11 << 8 | 12, second.getRGB(1, 0) & 0xffffff);
    BufferedImage grey = new ImageBatch(4, 1, 3, 1, pixels).image(2);
    assertArrayEquals(new int[] {200, 201, 202}, row(grey, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> colour.image(2));
    assertThrows(IndexOutOfBoundsException.class, () -> colour.first(3));
    assertThrows(IllegalArgumentException.class, () -> ImageBatch.concatenated(List.of()));

    Path file = folder.resolve("same.png");
    Map<String, String> text = Map.of("seed", "7");
    PngFile.write(file, second, text);
    byte[] bytes = PngFile.bytes(second, text);
    assertArrayEquals(Files.readAllBytes(file), bytes);
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    stream.write('>');
    PngFile.write(stream, second, text);
    stream.write('<');
    assertArrayEquals(bytes, Arrays.copyOfRange(stream.toByteArray(), 1, bytes.length + 1));
    assertEquals(bytes.length + 2, stream.size());
  }

  @Test
  void textIsReadBack() throws IOException {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("seed", "42");
    text.put("guidance", "w = 1.5 (the other convention: 2.5)");
    text.put("model", "größe → 3");
    Path file = folder.resolve("text.png");
    new ImageGrid(1, 0, 1).write(file, new ImageBatch(1, 1, 1, 1, new byte[1]), text);
    assertEquals(text, PngFile.text(file));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new ImageGrid(1, 0, 1)
                .write(file, new ImageBatch(1, 1, 1, 1, new byte[1]), Map.of("", "x")));
  }

  @Test
  void normalizedValuesAreRoundedAndClamped() {
    float[] values = {-1, 1, 0, -7, 7, 100 / 127.5f - 1, 0.5f};
    ImageBatch batch =
        ImageBatch.ofNormalized(1, 1, 6, 1, MemorySegment.ofArray(values), Float.BYTES);
    assertArrayEquals(new byte[] {-1, (byte) 128, 0, -1, 100, (byte) 191}, batch.pixels());
  }

  @Test
  void textOfDamagedFilesIsRefused(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("a.png");
    new ImageGrid(1, 0, 1).write(file, new ImageBatch(1, 1, 1, 1, new byte[1]), Map.of("a", "b"));
    byte[] whole = Files.readAllBytes(file);
    for (int length : new int[] {0, 4, 8, 20, 30}) {
      Files.write(file, Arrays.copyOf(whole, length));
      IOException refused = assertThrows(IOException.class, () -> PngFile.text(file));
      assertTrue(
          refused.getMessage().startsWith(file + ": is not a PNG file"), refused.getMessage());
    }
  }

  @Test
  void whatIsNotFiniteIsNoColour() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      MemorySegment values = MemorySegment.ofArray(new float[] {0, 0, 0, bad});
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class, () -> ImageBatch.ofNormalized(2, 1, 2, 1, values, 0));
      assertTrue(refused.getMessage().startsWith("image 1 has " + bad + " at 1"));
    }
  }

  @Test
  void everyByteSurvivesTheNetworksRange() {
    byte[] pixels = new byte[256];
    for (int i = 0; i < 256; i++) {
      pixels[i] = (byte) i;
    }
    try (ImageDataset dataset = ImageDataset.of(pixels, new int[] {0}, 16, 16, 1, List.of("a"))) {
      float[] values = new float[256];
      dataset.copyNormalized(0, false, MemorySegment.ofArray(values), 0);
      assertArrayEquals(
          pixels, ImageBatch.ofNormalized(1, 16, 16, 1, MemorySegment.ofArray(values), 0).pixels());
      assertArrayEquals(pixels, dataset.batch(0).pixels());
    }
  }
}
