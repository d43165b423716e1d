package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.Operations;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.diffusion.TimeGrid.End;
import org.halfstep.diffusion.TimeGrid.Spacing;
import org.halfstep.files.Json;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentDraw;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a latent network is given, and when. */
class LatentDenoiserTest {
  private static final int SIDE = 2;
  private static final int PIXELS = SIDE * SIDE;
  private static final int CONTEXT = 77 * 64;

  @TempDir private Path folder;

  @BeforeEach
  void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
  }

  private static MemorySegment ramp(Arena arena, int count, float start) {
    MemorySegment memory = arena.allocate((long) Float.BYTES * count, Float.BYTES);
    for (int i = 0; i < count; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, start + i);
    }
    return memory;
  }

  private static ModelOptions options(Device device) {
    return ModelOptions.standard().withDevice(device);
  }

  /** Latent, mask, masked picture, in this order, and both rows of an image alike. */
  @Test
  void anInpaintingNetworkSeesLatentMaskAndMaskedPicture() throws IOException {
    try (Arena arena = Arena.ofConfined();
        Device device = new CpuDevice();
        LatentComponents components =
            new LatentComponents(device, folder.resolve("tiny/inpainting"), options(device));
        Network<LatentUNetConfig, ModelCard> network =
            components.openUNet(SIDE, SIDE, components.use());
        Operations operations = device.operations()) {
      LatentDenoiser denoiser = new LatentDenoiser(network, components.sampling(), SIDE, SIDE);
      SampleRequest request = SampleRequest.of(Condition.prompts("a", "b", "c"), 1, 2, 1);
      denoiser.setContexts(ramp(arena, 3 * CONTEXT, 0), ramp(arena, 3 * CONTEXT, -1e5f));
      denoiser.setBeside(ramp(arena, 3 * PIXELS * 5, 1000));
      try (Denoiser.Evaluation bound = denoiser.evaluation(device, 2, 2, DataType.F32)) {
        float[] z = new float[2 * PIXELS * 4];
        for (int i = 0; i < z.length; i++) {
          z[i] = -i;
        }
        DeviceArrays.write(device, bound.z(), z);
        bound.set(request, 1, 0.5);
        bound.feed(operations).forEach(launch -> launch.run());
        float[] x = DeviceArrays.read(device, bound.plan().address("x"), 4 * PIXELS * 9);
        float[] context = DeviceArrays.read(device, bound.plan().address("context"), 4 * CONTEXT);
        for (int row = 0; row < 4; row++) {
          int image = row % 2;
          for (int pixel = 0; pixel < PIXELS; pixel++) {
            int at = (row * PIXELS + pixel) * 9;
            for (int c = 0; c < 4; c++) {
              assertEquals(-((image * PIXELS + pixel) * 4 + c), x[at + c], "latent");
            }
            for (int c = 0; c < 5; c++) {
              // Of the request's three pictures these rows are the second and the third.
              int from = ((image + 1) * PIXELS + pixel) * 5 + c;
              assertEquals(1000 + from, x[at + 4 + c], "mask and masked picture");
            }
          }
          float first = row < 2 ? (image + 1) * CONTEXT : -1e5f + (image + 1) * CONTEXT;
          assertEquals(first, context[row * CONTEXT], "row " + row);
        }
      }
    }
  }

  /** The mask comes first; the picture behind it is grey where something is painted. */
  @ParameterizedTest
  @ValueSource(ints = {8, 9})
  void whatIsSeenIsMadeOfTheMaskedPicture(int firstPainted) throws IOException {
    int side = 16;
    byte[] pixels = new byte[side * side * 3];
    byte[] mask = new byte[side * side];
    float[] masked = new float[pixels.length];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (i * 7);
      boolean isPainted = i / 3 % side >= firstPainted;
      mask[i / 3] = (byte) (isPainted ? 255 : 0);
      masked[i] = isPainted ? 0 : (pixels[i] & 0xff) / 127.5f - 1;
    }
    Edit edit =
        Edit.inpainting(
            new ImageBatch(1, side, side, 3, pixels), new ImageBatch(1, side, side, 1, mask));
    SampleRequest request = SampleRequest.of(Condition.prompts("a"), 5, 0, 1).withEdit(edit);
    try (Arena arena = Arena.ofConfined();
        Device device = new CpuDevice();
        LatentComponents components =
            new LatentComponents(device, folder.resolve("tiny/inpainting"), options(device));
        FirstStage firstStage = components.openFirstStage(components.use())) {
      MemorySegment latents = ramp(arena, PIXELS * 4, 0);
      firstStage.encode(
          1, side, side, MemorySegment.ofArray(masked), LatentDraw.sample(5, 0), latents);
      MemorySegment seen =
          new EditedLatents(request, 8, SIDE, SIDE, 4).beside(firstStage, 0, arena);
      for (int pixel = 0; pixel < PIXELS; pixel++) {
        // Each latent pixel takes the mask's at its upper left corner: the right ones begin at 8.
        float expected = firstPainted == 8 && pixel % SIDE == 1 ? 1 : 0;
        assertEquals(expected, seen.getAtIndex(ValueLayout.JAVA_FLOAT, pixel * 5L));
        for (int c = 0; c < 4; c++) {
          assertEquals(
              latents.getAtIndex(ValueLayout.JAVA_FLOAT, pixel * 4L + c),
              seen.getAtIndex(ValueLayout.JAVA_FLOAT, pixel * 5L + 1 + c));
        }
      }
    }
  }

  private LatentSampling sampling(String... keys) throws IOException {
    Path file = folder.resolve("tiny/diffusers/scheduler/scheduler_config.json");
    ObjectNode json = Json.read(ObjectNode.class, file);
    for (String key : keys) {
      String[] parts = key.split("=", 2);
      if (parts[1].isEmpty()) {
        json.remove(parts[0]);
      } else if (parts[1].equals("true") || parts[1].equals("false")) {
        json.put(parts[0], parts[1].equals("true"));
      } else {
        json.put(parts[0], parts[1]);
      }
    }
    Files.writeString(file, json.toString());
    try (Checkpoint read =
        Checkpoint.open(folder.resolve("tiny/diffusers"), CheckpointOptions.standard())) {
      return new LatentSampling(read.scheduler().orElseThrow());
    }
  }

  @Test
  void keysOfTheFileHoldForEverySampler() throws IOException {
    LatentSampling plain = sampling();
    assertEquals(new TimeGrid(Spacing.LEADING, 1, End.FIRST_LEVEL), plain.grid(Solver.DDIM));
    assertEquals(new TimeGrid(Spacing.LEADING, 1, End.FIRST_LEVEL), plain.grid(Solver.PNDM));
    // What the file does not say is what the sampler's own class says.
    assertEquals(new TimeGrid(Spacing.LINSPACE, 0, End.CLEAN), plain.grid(Solver.EULER));
    assertEquals(new TimeGrid(Spacing.LINSPACE, 0, End.CLEAN), plain.grid(Solver.DPM_SOLVER));
    assertEquals(
        new TimeGrid(Spacing.LEADING, 1, End.CLEAN),
        plain.grid(Solver.EULER, Spacing.LEADING, null));
    LatentSampling bare = sampling("set_alpha_to_one=", "timestep_spacing=trailing");
    assertEquals(new TimeGrid(Spacing.TRAILING, 0, End.CLEAN), bare.grid(Solver.DDIM));
    assertEquals(new TimeGrid(Spacing.TRAILING, 0, End.FIRST_LEVEL), bare.grid(Solver.PNDM));
    assertEquals(new TimeGrid(Spacing.TRAILING, 0, End.CLEAN), bare.grid(Solver.EULER));
    LatentSampling karras = sampling("use_karras_sigmas=true", "final_sigmas_type=sigma_min");
    assertEquals(new TimeGrid(Spacing.KARRAS, 0, End.CLEAN), karras.grid(Solver.DPM_SOLVER));
    assertEquals(
        new TimeGrid(Spacing.TRAILING, 0, End.FIRST_LEVEL),
        karras.grid(Solver.DPM_SOLVER, Spacing.TRAILING, null));
  }

  /** What a request says of the end goes before the file, where a step can lead there. */
  @Test
  void aRequestMaySayWhereTheLastStepLeads() throws IOException {
    LatentSampling plain = sampling();
    assertEquals(
        new TimeGrid(Spacing.LINSPACE, 0, End.FIRST_LEVEL),
        plain.grid(Solver.DPM_SOLVER, null, End.FIRST_LEVEL));
    assertEquals(
        new TimeGrid(Spacing.LEADING, 1, End.CLEAN), plain.grid(Solver.DDIM, null, End.CLEAN));
    for (Spacing spacing : new Spacing[] {Spacing.LINSPACE, Spacing.KARRAS}) {
      String line =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> plain.grid(Solver.EULER, spacing, End.FIRST_LEVEL))
              .getMessage();
      assertTrue(line.contains("use trailing or leading"), line);
    }
  }

  @Test
  void theSamplerThatIsNamedIsTakenWhereItIsHere() throws IOException {
    assertEquals(Solver.PNDM, sampling("_class_name=PNDMScheduler").solver());
    LatentSampling withRungeKutta = sampling("skip_prk_steps=false");
    assertEquals(Solver.DDIM, withRungeKutta.solver());
    assertEquals(1, withRungeKutta.notes().size());
    assertEquals(Solver.EULER, sampling("_class_name=EulerDiscreteScheduler").solver());
    assertEquals(Solver.DPM_SOLVER, sampling("_class_name=DPMSolverMultistepScheduler").solver());
    assertEquals(Solver.DDIM, sampling("solver_type=heun").solver());
    LatentSampling other = sampling("_class_name=UniPCMultistepScheduler");
    assertEquals(Solver.DDIM, other.solver());
    assertTrue(other.notes().getFirst().contains("UniPCMultistepScheduler"));
  }

  @Test
  void pureNoiseAtTheEndNeedsItsLastLevel() throws IOException {
    LatentSampling zero = sampling("rescale_betas_zero_snr=true");
    assertEquals(Spacing.TRAILING, zero.grid(Solver.DDIM).spacing());
    assertThrows(
        IllegalArgumentException.class, () -> zero.grid(Solver.DDIM, Spacing.LEADING, null));
  }
}
