package org.halfstep.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Solver;
import org.halfstep.image.ImageBatch;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.NoiseSource;
import org.halfstep.sample.SampleRequest;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All steps of a picture of latents are one graph: over a driver that is not there they give what
 * they give on the CPU, with prompts, seeds, pictures and noise that change from run to run.
 */
class RecordedPicturesTest {
  private static final int SIDE = 64;

  @TempDir private static Path folder;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
  }

  private static ImageBatch picture(int seed) {
    byte[] pixels = new byte[SIDE * SIDE * 3];
    new Random(seed).nextBytes(pixels);
    return new ImageBatch(1, SIDE, SIDE, 3, pixels);
  }

  private static ImageBatch mask(int seed) {
    byte[] pixels = new byte[SIDE * SIDE];
    new Random(seed).nextBytes(pixels);
    return new ImageBatch(1, SIDE, SIDE, 1, pixels);
  }

  private static List<SampleRequest> requests(DiffusionModel model) {
    List<SampleRequest> requests = new ArrayList<>();
    String[] prompts = {"a red fox", "a cat", "a horse in the snow"};
    for (int run = 0; run < 3; run++) {
      SampleRequest plain =
          model.request(prompts[run]).withSeed(run).withSteps(3).withGuidance(1 + run);
      requests.add(plain.withSampler(Solver.PNDM));
      requests.add(
          plain
              .withSampler(Solver.EULER_ANCESTRAL)
              .withNoise(NoiseSource.TORCH)
              .withEdit(Edit.of(picture(run), 0.7)));
      requests.add(plain.withEdit(Edit.inpainting(picture(run), mask(run))));
    }
    return requests;
  }

  private static List<byte[]> pictures(Device device, String layout) throws IOException {
    List<byte[]> made = new ArrayList<>();
    ModelOptions options = ModelOptions.standard().withDevice(device).withPrecision(DataType.F32);
    try (DiffusionModel model = DiffusionModel.open(folder.resolve("tiny/" + layout), options)) {
      for (SampleRequest request : requests(model)) {
        made.add(model.sample(request).pixels());
      }
    }
    return made;
  }

  @Test
  void aPictureAsOneGraphIsThatOfTheCpu() throws IOException {
    for (String layout : List.of("diffusers", "inpainting")) {
      List<byte[]> expected;
      try (Device cpu = new CpuDevice(0, ConvolutionAlgorithm.DIRECT)) {
        expected = pictures(cpu, layout);
      }
      HostGpu gpu = new HostGpu();
      try (gpu) {
        List<byte[]> got = pictures(gpu.device, layout);
        for (int run = 0; run < got.size(); run++) {
          assertArrayEquals(expected.get(run), got.get(run), layout + ", run " + run);
        }
        // Each kind of request runs by itself, is recorded, and is replayed.
        assertTrue(gpu.driver.captures >= 3, gpu.driver.captures + " captures");
        assertTrue(gpu.driver.graphLaunches >= 6, gpu.driver.graphLaunches + " launches");
      }
      assertEquals(0, gpu.driver.held());
    }
  }
}
