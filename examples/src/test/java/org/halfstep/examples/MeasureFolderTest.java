package org.halfstep.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.metrics.ClassifierExtractor;
import org.halfstep.metrics.Quality;
import org.halfstep.sample.DiffusionModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MeasureFolderTest {
  private static final int IMAGES = 40;
  private static final int SIDE = 28;

  @Test
  void samplesOfAnotherSeedAreNearerThanNoise(@TempDir Path folder) throws IOException {
    Path reference = folder.resolve("reference");
    Path samples = folder.resolve("samples");
    Path noise = folder.resolve("noise");
    try (DiffusionModel model = DiffusionModel.bundled("fashion-mnist-1")) {
      int[] labels = IntStream.range(0, IMAGES).map(i -> i % model.classes()).toArray();
      write(reference, model.sample(model.request(labels).withSeed(1)));
      write(samples, model.sample(model.request(labels).withSeed(2)));
    }
    byte[] pixels = new byte[IMAGES * SIDE * SIDE];
    new SplittableRandom(3).nextBytes(pixels);
    write(noise, new ImageBatch(IMAGES, SIDE, SIDE, 1, pixels));
    try (Device device = Devices.open(Devices.standard());
        ClassifierExtractor extractor = ClassifierExtractor.fashionMnist(device)) {
      Quality same = MeasureFolder.measure(extractor, reference, reference);
      Quality near = MeasureFolder.measure(extractor, samples, reference);
      Quality far = MeasureFolder.measure(extractor, noise, reference);
      assertEquals(IMAGES, near.samples());
      assertEquals(0, same.fid(), 1e-3);
      assertTrue(
          same.fid() < near.fid() && 2 * near.fid() < far.fid(),
          same.fid() + ", " + near.fid() + ", " + far.fid());
    }
    assertTrue(
        printed(samples, reference)
            .startsWith(IMAGES + " pictures: FID (fashion-mnist classifier)"),
        printed(samples, reference));
  }

  private static String printed(Path pictures, Path reference) throws IOException {
    PrintStream standard = System.out;
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    System.setOut(new PrintStream(text, true, StandardCharsets.UTF_8));
    try {
      MeasureFolder.main(new String[] {pictures.toString(), reference.toString()});
    } finally {
      System.setOut(standard);
    }
    return text.toString(StandardCharsets.UTF_8);
  }

  private static void write(Path folder, ImageBatch images) throws IOException {
    Files.createDirectories(folder);
    for (int i = 0; i < images.count(); i++) {
      ImageGrid.writeSingle(folder.resolve(i + ".png"), images, i, Map.of());
    }
  }
}
