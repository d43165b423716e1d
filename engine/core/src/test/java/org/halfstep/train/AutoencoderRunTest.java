package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.Part;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentDraw;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An autoencoder learns, goes on where it was stopped, and ends as a folder of diffusers. */
class AutoencoderRunTest {
  private static final int UPDATES = 40;
  private static final int IMAGES = 64;
  private static final int LATENT = 8 * 8 * 4;
  private static final OptimizerSettings ADAM = OptimizerSettings.adam(0.5);

  @TempDir Path folder;
  private double firstLoss = Double.NaN;
  private double lastLoss;
  private int updates;

  private final class Losses implements RunListener {
    @Override
    public void phase(String name, long updatesDone, long updatesTotal) {}

    @Override
    public void update(
        long done, long total, double loss, double learningRate, double gradientNorm) {
      firstLoss = Double.isNaN(firstLoss) ? loss : firstLoss;
      lastLoss = loss;
      updates++;
    }

    @Override
    public void saved(Path file) {}

    @Override
    public void note(String line) {}
  }

  private boolean run(Path to, Component from, BooleanSupplier stop) throws IOException {
    try (Device device = new CpuDevice(1);
        ImageDataset data = SmallAutoencoders.pictures(IMAGES)) {
      return AutoencoderRun.run(
          device,
          data,
          null,
          "rectangles",
          SmallAutoencoders.settings(ADAM, 8, 1e-4, UPDATES),
          from,
          to,
          Resume.NEWEST,
          new Losses(),
          stop);
    }
  }

  private static byte[] weights(Path run) throws IOException {
    return Files.readAllBytes(AutoencoderFolder.weights(run));
  }

  @Test
  void itLearnsAndGoesOnWhereItWasStopped() throws IOException {
    Path whole = folder.resolve("whole");
    assertTrue(run(whole, null, () -> false));
    assertTrue(lastLoss < 0.5 * firstLoss, firstLoss + " became only " + lastLoss);

    Path stopped = folder.resolve("stopped");
    int[] asked = {0};
    assertFalse(run(stopped, null, () -> ++asked[0] == UPDATES / 3));
    assertFalse(AutoencoderFolder.isThere(stopped));
    assertTrue(run(stopped, null, () -> false));
    assertArrayEquals(weights(whole), weights(stopped));
    assertEquals(
        Files.readString(whole.resolve("vae/config.json")),
        Files.readString(stopped.resolve("vae/config.json")));

    updates = 0;
    assertTrue(run(stopped, null, () -> false));
    assertEquals(0, updates, "a finished run has nothing left to do");
    Files.delete(AutoencoderFolder.weights(stopped));
    assertTrue(run(stopped, null, () -> false));
    assertArrayEquals(weights(whole), weights(stopped));
    assertTrue(AutoencoderFolder.isThere(stopped), "what was deleted is written again");
  }

  @Test
  void whatItWritesIsAFirstStageWhoseLatentsHaveUnitVariance() throws IOException {
    assertTrue(run(folder, null, () -> false));
    try (Device device = new CpuDevice(1);
        ImageDataset data = SmallAutoencoders.pictures(IMAGES);
        Checkpoint checkpoint =
            Checkpoint.open(folder.resolve("vae"), CheckpointOptions.standard());
        FirstStage stage =
            FirstStage.open(
                device,
                checkpoint.component(Part.AUTOENCODER).orElseThrow(),
                FirstStageOptions.standard());
        Arena arena = Arena.ofConfined()) {
      assertEquals(List.of(), checkpoint.notes());
      MemorySegment latents = arena.allocate((long) Float.BYTES * IMAGES * LATENT, Float.BYTES);
      int[] all = new int[IMAGES];
      Arrays.setAll(all, i -> i);
      ImageBatch pictures = data.batch(all);
      stage.encode(pictures, LatentDraw.sample(9, 0), latents);
      double sum = 0;
      double squares = 0;
      for (int i = 0; i < IMAGES * LATENT; i++) {
        double z = latents.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        sum += z;
        squares += z * z;
      }
      double mean = sum / (IMAGES * LATENT);
      assertEquals(1, squares / (IMAGES * LATENT) - mean * mean, 0.02);
      ImageBatch made = stage.decode(IMAGES, 8, 8, latents);
      assertTrue(difference(pictures, made) < 40, "off by " + difference(pictures, made));
    }
  }

  private static double difference(ImageBatch a, ImageBatch b) {
    double sum = 0;
    for (int i = 0; i < a.pixels().length; i++) {
      sum += Math.abs((a.pixels()[i] & 255) - (b.pixels()[i] & 255));
    }
    return sum / a.pixels().length;
  }

  @Test
  void anotherRunBeginsWithItsWeights() throws IOException {
    Path first = folder.resolve("first");
    assertTrue(run(first, null, () -> false));
    double ended = lastLoss;
    firstLoss = Double.NaN;
    try (Checkpoint checkpoint =
        Checkpoint.open(first.resolve("vae"), CheckpointOptions.standard())) {
      Component from = checkpoint.component(Part.AUTOENCODER).orElseThrow();
      Path second = folder.resolve("second");
      assertTrue(run(second, from, () -> false));
      assertTrue(firstLoss < 2 * ended, "begins at " + firstLoss + ", not near " + ended);
      String config = Files.readString(second.resolve("vae/config.json"));
      assertTrue(config.contains("\"from\""), config);
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> run(second, null, () -> false));
      assertTrue(refused.getMessage().contains("other settings"), refused.getMessage());
    }
  }

  @Test
  void weightsOfAnotherShapeAreRefused() throws IOException {
    AutoencoderDescription other = new AutoencoderDescription(3, 4, List.of(8, 8), 1, 4, 1, 0, 4);
    try (HashedTensors tensors = new HashedTensors(other)) {
      Component from = new Component(other, other.toJson(), tensors);
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> run(folder, from, () -> false));
      assertEquals(
          "hashed weights: is a first stage of another shape than the settings'; expected one that"
              + " the same network settings made",
          refused.getMessage());
    }
  }

  @Test
  void whileItTrainsItsNewestCheckpointCanBeLookedAt() throws IOException {
    int[] asked = {0};
    assertFalse(run(folder, null, () -> ++asked[0] == UPDATES / 2));
    try (Device device = new CpuDevice(1);
        AutoencoderFolder.Opened opened = AutoencoderFolder.open(device, folder)) {
      assertTrue(opened.origin().contains("ema.safetensors"), opened.origin());
      assertEquals(1, opened.stage().scalingFactor());
    }
  }
}
