package org.halfstep.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.FirstStages;
import org.halfstep.latent.LatentDraw;
import org.junit.jupiter.api.Test;

/** A first stage over a driver that is not there gives what it gives on the CPU. */
class FirstStageRunsTest {
  private static final int HEIGHT = 7;
  private static final int WIDTH = 5;

  /** Images and latents of requests of which the later ones are replayed. */
  private static List<float[]> results(Device device) throws IOException {
    List<float[]> results = new ArrayList<>();
    int latent = HEIGHT * WIDTH * 4;
    int image = 4 * HEIGHT * WIDTH * 3;
    try (Arena arena = Arena.ofConfined();
        HashedTensors weights = new HashedTensors(FirstStages.gaussian());
        FirstStage stage =
            FirstStage.open(
                device,
                FirstStages.component(FirstStages.gaussian(), weights),
                FirstStageOptions.standard().withPrecision(DataType.F32))) {
      MemorySegment images = arena.allocate(4L * 3 * image, 4);
      MemorySegment latents = arena.allocate(4L * 3 * latent, 4);
      for (int request = 0; request < 3; request++) {
        MemorySegment z = FirstStages.normal(arena, 3L * latent, request);
        stage.decode(3, HEIGHT, WIDTH, z, images);
        results.add(FirstStages.floats(images));
        LatentDraw draw = LatentDraw.sample(request, 5);
        stage.encode(3, 2 * HEIGHT, 2 * WIDTH, images, draw, latents);
        results.add(FirstStages.floats(latents));
      }
    }
    return results;
  }

  @Test
  void imagesAndLatentsAreThoseOfTheCpu() throws IOException {
    List<float[]> expected;
    try (Device cpu = new CpuDevice(0, ConvolutionAlgorithm.DIRECT)) {
      expected = results(cpu);
    }
    HostGpu gpu = new HostGpu();
    try (gpu) {
      List<float[]> got = results(gpu.device);
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(expected.get(i), got.get(i), "result " + i);
      }
      // Nine images each way: by themselves, recorded, then replayed.
      assertEquals(2, gpu.driver.captures);
      assertEquals(16, gpu.driver.graphLaunches);
      assertEquals(0, gpu.driver.heldGraphs());
    }
    assertEquals(0, gpu.driver.held());
  }
}
