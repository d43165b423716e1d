package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.GradientCheck;
import org.halfstep.model.ClassifierConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A classifier learns, goes on where it was stopped, and refuses data that do not fit. */
class ClassifierRunTest {
  private static final int SIDE = 8;
  private static final int CLASSES = 3;
  private static final int IMAGES = 60;
  private static final int UPDATES = 80;
  private static final ClassifierConfig NETWORK =
      new ClassifierConfig(SIDE, 1, CLASSES, List.of(8, 16));

  @TempDir Path folder;
  private double firstLoss = Double.NaN;
  private double lastLoss;

  private static ClassifierSettings settings() {
    return new ClassifierSettings(
        NETWORK,
        12,
        UPDATES,
        2e-2,
        new OptimizerSettings(0.9, 0.999, 1e-8, 0.01, true, 1, 0.9),
        DataType.F32,
        true,
        1,
        3,
        7);
  }

  /** Noise with one, two or three bright rows. */
  private static ImageDataset data(int classes) {
    Random random = new Random(2);
    byte[] pixels = new byte[IMAGES * SIDE * SIDE];
    int[] labels = new int[IMAGES];
    random.nextBytes(pixels);
    for (int i = 0; i < IMAGES; i++) {
      labels[i] = i % CLASSES;
      for (int y = 0; y < SIDE; y++) {
        boolean bright = y >= 2 && y < 3 + 2 * labels[i];
        for (int x = 0; x < SIDE; x++) {
          int at = (i * SIDE + y) * SIDE + x;
          pixels[at] = (byte) ((pixels[at] & 63) + (bright ? 160 : 0));
        }
      }
    }
    List<String> names = List.of("one", "two", "three", "four").subList(0, classes);
    return ImageDataset.of(pixels, labels, SIDE, SIDE, 1, names);
  }

  private boolean run(Path to, BooleanSupplier stop) throws IOException {
    try (Device device = new CpuDevice(2);
        ImageDataset data = data(CLASSES)) {
      return ClassifierRun.run(
          device, data, "rows", settings(), to, Resume.NEWEST, new Losses(), stop);
    }
  }

  private final class Losses implements RunListener {
    @Override
    public void phase(String name, long updatesDone, long updatesTotal) {}

    @Override
    public void update(
        long done, long total, double loss, double learningRate, double gradientNorm) {
      firstLoss = Double.isNaN(firstLoss) ? loss : firstLoss;
      lastLoss = loss;
    }

    @Override
    public void saved(Path file) {}

    @Override
    public void note(String line) {}
  }

  @Test
  void itsGradientsAreThoseOfDifferences() {
    GradientCheck.of(NETWORK.graph(), 3, 2);
  }

  @Test
  void itLearnsAndGoesOnWhereItWasStopped() throws IOException {
    Path whole = folder.resolve("whole");
    assertTrue(run(whole, () -> false));
    assertTrue(firstLoss > 0.8 * Math.log(CLASSES), "first loss " + firstLoss);
    assertTrue(lastLoss < 0.4 * firstLoss, firstLoss + " became only " + lastLoss);

    Path stopped = folder.resolve("stopped");
    int[] asked = {0};
    assertFalse(run(stopped, () -> ++asked[0] == UPDATES / 3));
    assertFalse(Files.exists(stopped.resolve(ClassifierRun.FILE)));
    assertTrue(run(stopped, () -> false));
    assertArrayEquals(
        Files.readAllBytes(whole.resolve(ClassifierRun.FILE)),
        Files.readAllBytes(stopped.resolve(ClassifierRun.FILE)));
  }

  @Test
  void dataOfOtherClassesAreRefused() throws IOException {
    try (Device device = new CpuDevice(1);
        ImageDataset data = data(CLASSES + 1)) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  ClassifierRun.run(
                      device,
                      data,
                      "rows",
                      settings(),
                      folder,
                      Resume.NEWEST,
                      new Losses(),
                      () -> false));
      assertTrue(refused.getMessage().contains("of 3 classes, the data has 8x8x1 images of 4"));
    }
  }
}
