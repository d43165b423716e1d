package org.halfstep.metrics;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.halfstep.image.ImageBatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReferenceMeterTest {
  private static final int IMAGES = 7_500;
  private static final String EXTRACTOR = "ab".repeat(32);
  private static final String SOURCE = "cd".repeat(32);

  @TempDir private Path folder;

  /** One feature: the pixels of a 1x2 image read as a number. */
  private static final class PixelNumber implements FeatureExtractor {
    @Override
    public String name() {
      return "pixel";
    }

    @Override
    public String sha256() {
      return EXTRACTOR;
    }

    @Override
    public int features() {
      return 1;
    }

    @Override
    public int classes() {
      return 2;
    }

    @Override
    public int batch() {
      return 16;
    }

    @Override
    public void extract(ImageBatch images, float[] features, float[] logits) {
      for (int i = 0; i < images.count(); i++) {
        features[i] =
            (images.pixels()[2 * i] & 0xff) << Byte.SIZE | images.pixels()[2 * i + 1] & 0xff;
      }
    }

    @Override
    public void close() {}
  }

  private static ImageBatch numbers(int from, int count) {
    byte[] pixels = new byte[2 * count];
    for (int i = 0; i < count; i++) {
      pixels[2 * i] = (byte) ((from + i) >> Byte.SIZE);
      pixels[2 * i + 1] = (byte) (from + i);
    }
    return new ImageBatch(count, 1, 2, 1, pixels);
  }

  private static ReferenceImages reference() {
    ReferenceMeter meter = new ReferenceMeter(new PixelNumber(), IMAGES);
    for (int done = 0; done < IMAGES; ) {
      int some = Math.min(IMAGES - done, 1 + done % 37);
      meter.add(numbers(done, some));
      done += some;
    }
    return meter.result("numbers");
  }

  @Test
  void keepsRowsFromTheWholeSet() {
    ReferenceImages reference = reference();
    assertEquals(IMAGES, reference.images());
    assertEquals((IMAGES - 1) / 2.0, reference.moments().mean()[0], 1e-9);
    assertEquals(ReferenceImages.ROWS, reference.features().rows());
    double[] row = new double[1];
    double before = -1;
    for (int i = 0; i < ReferenceImages.ROWS; i++) {
      reference.features().copyRow(i, row);
      // Two of every three: steps of one or two.
      assertTrue(row[0] > before && row[0] <= before + 2, i + ": " + row[0] + " after " + before);
      before = row[0];
    }
    assertEquals(IMAGES - 1, before);
  }

  @Test
  void whatIsKeptComesBackForTheSameImagesAndExtractorOnly() throws IOException {
    ReferenceFile file = new ReferenceFile(folder.resolve("kept"), SOURCE, EXTRACTOR);
    assertTrue(file.read("numbers").isEmpty());
    ReferenceImages reference = reference();
    file.write(reference);
    ReferenceImages read = file.read("numbers").orElseThrow();
    assertEquals(IMAGES, read.images());
    assertArrayEquals(reference.moments().mean(), read.moments().mean());
    assertArrayEquals(reference.moments().covariance(), read.moments().covariance());
    double[] row = new double[1];
    read.features().copyRow(ReferenceImages.ROWS - 1, row);
    assertEquals(IMAGES - 1, row[0]);
    assertArrayEquals(reference.moments().mean(), ReferenceStatistics.read(file.path()).mean());
    // The same beginning of the hash, another end.
    String other = SOURCE.substring(0, 62) + "00";
    ReferenceFile similar = new ReferenceFile(folder.resolve("kept"), other, EXTRACTOR);
    assertEquals(file.path(), similar.path());
    assertEquals(Optional.empty(), similar.read("numbers"));
    try (var files = Files.list(folder.resolve("kept"))) {
      assertEquals(1, files.count());
    }
  }

  @Test
  void countsMustBeKept() {
    ReferenceMeter meter = new ReferenceMeter(new PixelNumber(), 3);
    meter.add(numbers(0, 2));
    assertThrows(IllegalStateException.class, () -> meter.result("numbers"));
    assertThrows(IllegalArgumentException.class, () -> meter.add(numbers(0, 2)));
    assertThrows(IllegalArgumentException.class, () -> new ReferenceMeter(new PixelNumber(), 1));
  }
}
