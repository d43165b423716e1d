package org.halfstep.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.TracedLaunch;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.device.cuda.driver.CudaException;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.Solver;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.sample.SampleRequest;
import org.halfstep.sample.Sampler;
import org.halfstep.sample.TinyModels;
import org.halfstep.train.ClassConditioned;
import org.halfstep.train.LabelledImages;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.TeacherObjective;
import org.halfstep.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Samplers and training steps as graphs give what they give on the CPU, over a driver that is not
 * there: nothing that changes between runs is fixed when they are recorded, and nothing in a step
 * waits.
 */
class RecordedRunsTest {
  private static final int IMAGE_BYTES = 8 * 8 * Float.BYTES;

  private static List<float[]> samples(Device device, Solver kind, boolean clip) {
    List<float[]> images = new ArrayList<>();
    try (Network<UNetConfig, ModelCard> network =
            TinyModels.network(device, TinyModels.config(), TinyModels.teacherCard());
        Sampler sampler = new Sampler(network, 2, DataType.F32)) {
      for (int run = 0; run < 4; run++) {
        SampleRequest request =
            SampleRequest.of(new int[] {run % 3, 1}, 7 + run, run < 3 ? 1.5 + run : 0, 3)
                .withSampler(kind)
                .withClip(clip)
                .withFirstImage(2L * run);
        float[] values = new float[2 * IMAGE_BYTES / Float.BYTES];
        sampler.sample(request, java.lang.foreign.MemorySegment.ofArray(values));
        images.add(values);
      }
    }
    return images;
  }

  @ParameterizedTest
  @EnumSource(Solver.class)
  void aSamplerAsOneGraphMakesTheImagesOfTheCpu(Solver kind) {
    boolean clip = kind == Solver.ANCESTRAL;
    List<float[]> expected;
    try (Device cpu = new CpuDevice(0, ConvolutionAlgorithm.DIRECT)) {
      expected = samples(cpu, kind, clip);
    }
    HostGpu gpu = new HostGpu();
    try (gpu) {
      List<float[]> got = samples(gpu.device, kind, clip);
      for (int run = 0; run < got.size(); run++) {
        assertArrayEquals(expected.get(run), got.get(run), "run " + run);
      }
      // Three guided requests: by itself, recorded, replayed. The fourth runs on another plan.
      assertEquals(1, gpu.driver.captures);
      assertEquals(2, gpu.driver.graphLaunches);
      assertEquals(0, gpu.driver.heldGraphs());
    }
    assertEquals(0, gpu.driver.held());
  }

  @Test
  void whatCannotBeRecordedIsLaunchedOneByOne() {
    List<float[]> expected;
    try (Device cpu = new CpuDevice(0, ConvolutionAlgorithm.DIRECT)) {
      expected = samples(cpu, Solver.DDIM, false);
    }
    HostGpu gpu = new HostGpu();
    gpu.driver.refusesCapture = true;
    try (gpu) {
      List<float[]> got = samples(gpu.device, Solver.DDIM, false);
      for (int run = 0; run < got.size(); run++) {
        assertArrayEquals(expected.get(run), got.get(run), "run " + run);
      }
      assertEquals(1, gpu.driver.captures, "it is tried once");
      assertEquals(0, gpu.driver.graphLaunches);
    }
    assertEquals(0, gpu.driver.held());
  }

  @Test
  void theStepThatFailsIsNamed() {
    HostGpu gpu = new HostGpu();
    Launch broken =
        new TracedLaunch(
            "input_blocks.0.0",
            () -> {
              throw new CudaException(
                  "cuLaunchKernel", 700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an address");
            });
    try (gpu) {
      long stream = gpu.driver.createStream();
      IllegalStateException failure =
          assertThrows(
              IllegalStateException.class,
              () ->
                  RecordedSequence.launchAndWait(
                      new Launch[] {() -> {}, broken}, gpu.driver, stream));
      assertTrue(
          failure.getMessage().startsWith("launch 2 of 2, input_blocks.0.0: cuLaunchKernel failed"),
          failure.getMessage());
      gpu.driver.destroyStream(stream);
    }
  }

  private static float[] trained(Device device, HostDriver driver) {
    try (ImageDataset data = TinyNetworks.images(8, 12);
        Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, 8, 3);
        Trainer trainer =
            new Trainer(
                new ClassConditioned(network),
                new LabelledImages(data, true),
                3,
                11,
                OptimizerSettings.adam(0.9),
                (batch, draws) ->
                    new TeacherObjective(
                        batch, draws, LossWeighting.TRUNCATED_SNR, 0.3, TinyNetworks.CLASSES))) {
      for (int update = 0; update < 5; update++) {
        int before = driver == null ? 0 : driver.waits;
        trainer.step(update, 1e-3 / (1 + update));
        if (driver != null) {
          // The norm and the loss are read back after the step.
          assertTrue(driver.waits - before <= 2, "waits in a step: " + (driver.waits - before));
        }
      }
      return trainer.optimizer().ema().toArray();
    }
  }

  @Test
  void aTrainingStepIsOneGraphAndTrainsLikeTheCpu() {
    float[] expected;
    try (Device cpu = new CpuDevice(0, ConvolutionAlgorithm.DIRECT)) {
      expected = trained(cpu, null);
    }
    HostGpu gpu = new HostGpu();
    try (gpu) {
      assertArrayEquals(expected, trained(gpu.device, gpu.driver));
      assertEquals(1, gpu.driver.captures);
      assertEquals(4, gpu.driver.graphLaunches);
    }
    assertEquals(0, gpu.driver.held());
  }
}
