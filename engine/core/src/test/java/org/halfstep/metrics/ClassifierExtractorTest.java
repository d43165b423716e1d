package org.halfstep.metrics;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The bundled classifier of Fashion-MNIST, and what it refuses. */
class ClassifierExtractorTest {
  private static final double REQUIRED_ACCURACY = 0.92;

  /** Of the first 200 test images, which are in this project's tests. */
  private static final double SAMPLE_ACCURACY = 0.90;

  /** Where {@code make data} puts the whole set; the tests run in the engine's folder. */
  private static final Path DATA = Path.of("..", "data", "fashion-mnist");

  @TempDir Path folder;

  private static ImageDataset sample() throws IOException {
    try {
      Path files =
          Path.of(ClassifierExtractorTest.class.getResource("fashion-mnist-sample").toURI());
      return Datasets.open(files, DatasetOptions.of(Split.TEST));
    } catch (URISyntaxException e) {
      throw new IOException(e);
    }
  }

  @Test
  void bundledClassifierKnowsTheSample() throws IOException {
    try (Device device = new CpuDevice();
        ClassifierExtractor extractor = ClassifierExtractor.fashionMnist(device);
        ImageDataset data = sample()) {
      assertEquals("fashion-mnist classifier", extractor.name());
      assertEquals(64, extractor.sha256().length());
      double accuracy = extractor.accuracy(data);
      assertTrue(accuracy >= SAMPLE_ACCURACY, "accuracy " + accuracy);
    }
  }

  @Test
  void bundledClassifierKnowsTheTestImages() throws IOException {
    Assumptions.assumeTrue(Files.isDirectory(DATA), "needs 'make data'");
    try (Device device = new CpuDevice();
        ClassifierExtractor extractor = ClassifierExtractor.fashionMnist(device);
        ImageDataset data = Datasets.open(DATA, DatasetOptions.of(Split.TEST))) {
      assertEquals(10_000, data.count());
      double accuracy = extractor.accuracy(data);
      assertTrue(accuracy >= REQUIRED_ACCURACY, "accuracy " + accuracy);
    }
  }

  @Test
  void featuresOfAnImageDoNotDependOnItsBatch() throws IOException {
    try (Device device = new CpuDevice();
        ClassifierExtractor extractor = ClassifierExtractor.fashionMnist(device);
        ImageDataset data = sample()) {
      int count = extractor.batch() + 7;
      int features = extractor.features();
      int classes = extractor.classes();
      float[] together = new float[count * features];
      float[] logits = new float[count * classes];
      extractor.extract(data.batch(IntStream.range(0, count).toArray()), together, logits);
      float[] alone = new float[features];
      float[] aloneLogits = new float[classes];
      for (int image : List.of(0, 3, extractor.batch(), count - 1)) {
        extractor.extract(data.batch(image), alone, aloneLogits);
        assertArrayEquals(
            Arrays.copyOfRange(together, image * features, (image + 1) * features), alone);
        assertArrayEquals(
            Arrays.copyOfRange(logits, image * classes, (image + 1) * classes), aloneLogits);
      }
    }
  }

  @Test
  void otherImagesAndOtherFilesAreRefused() throws IOException {
    Path file = folder.resolve("small.safetensors");
    ClassifierConfig config = new ClassifierConfig(8, 3, 4, List.of(8, 8));
    ClassifierCard card = new ClassifierCard("colours", List.of("a", "b", "c", "d"), null);
    try (Device device = new CpuDevice(1);
        Network<ClassifierConfig, ClassifierCard> classifier =
            Network.fresh(device, config, card, 1)) {
      classifier.save(file, card, Dtype.BF16);
      try (ClassifierExtractor extractor = ClassifierExtractor.load(device, file)) {
        ImageBatch grey = new ImageBatch(1, 8, 8, 1, new byte[64]);
        IllegalArgumentException refused =
            assertThrows(
                IllegalArgumentException.class,
                () -> extractor.extract(grey, new float[8], new float[4]));
        assertEquals(
            "the colours classifier takes images of 8x8x3, got 8x8x1", refused.getMessage());
      }
      String text = Files.readString(file, ISO_8859_1);
      Files.writeString(file, text.replace("-classifier-1", "-classifier-9"), ISO_8859_1);
      IOException other =
          assertThrows(IOException.class, () -> ClassifierExtractor.load(device, file).close());
      assertTrue(other.getMessage().startsWith(file + ": is not a Halfstep classifier"));
    }
    assertThrows(
        IllegalArgumentException.class, () -> new ClassifierConfig(48, 1, 10, List.of(8, 8, 8, 8)));
  }
}
