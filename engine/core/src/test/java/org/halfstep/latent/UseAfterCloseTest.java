package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TinyClip;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is closed says so: its launches are bound to addresses that belong to somebody else by then,
 * and a call would end the process.
 */
class UseAfterCloseTest {
  @TempDir private static Path folder;

  private Device device;
  private Checkpoint checkpoint;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    TinyClip.write(folder.resolve("clip"));
  }

  @BeforeEach
  void open() throws IOException {
    device = new CpuDevice(1);
    Path model = folder.resolve("tiny/diffusers");
    checkpoint = Checkpoint.open(model, CheckpointOptions.standard());
  }

  @AfterEach
  void close() {
    checkpoint.close();
    device.close();
  }

  private static void closed(Executable call) {
    String line = assertThrows(IllegalStateException.class, call).getMessage();
    assertTrue(line.contains("closed"), line);
    assertEquals(1, line.lines().count(), line);
  }

  private TextEncoder encoder() throws IOException {
    return TextEncoder.open(
        device,
        checkpoint.component(Part.TEXT_ENCODER).orElseThrow(),
        checkpoint.openTokenizer().orElseThrow(),
        TextEncoderOptions.standard());
  }

  private static float[] encode(TextEncoder encoder, String prompt) {
    float[] context = new float[encoder.tokens() * encoder.width()];
    encoder.encode(List.of(prompt), MemorySegment.ofArray(context));
    return context;
  }

  @Test
  void aTextEncoder() throws IOException {
    TextEncoder encoder = encoder();
    encode(encoder, "a fox");
    encoder.close();
    encoder.close();
    closed(() -> encode(encoder, "a fox"));
  }

  @Test
  void aClip() throws IOException {
    ClipModel clip = ClipModel.open(device, folder.resolve("clip"));
    ImageBatch picture = new ImageBatch(1, 8, 8, 3, new byte[8 * 8 * 3]);
    clip.text("a fox");
    clip.image(picture, 0);
    clip.close();
    clip.close();
    closed(() -> clip.text("a fox"));
    closed(() -> clip.image(picture, 0));
  }

  @Test
  void aPlanAndItsViews() {
    try (Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, 8, 1)) {
      Plan plan =
          Plan.inference(device, network.graph(), PlanOptions.inference(1), network.values());
      HostView view = device.view(plan.address("x"), Float.BYTES * plan.count("x"));
      plan.prepare();
      plan.forward();
      view.close();
      view.close();
      plan.close();
      plan.close();
      closed(plan::prepare);
      closed(plan::condition);
      closed(plan::forward);
      closed(() -> plan.profile(plan.forwardSteps(), new long[plan.forwardSteps().size()]));
      closed(view::memory);
      closed(view::push);
      closed(view::pull);
    }
  }

  /** Threads that share one share its plan and inputs as well. */
  @Test
  void threadsThatShareATextEncoderGetTheirOwnContexts() throws Exception {
    List<String> prompts = List.of("a fox", "a red house", "", "the snow of yesterday");
    try (TextEncoder encoder = encoder()) {
      List<float[]> alone = prompts.stream().map(prompt -> encode(encoder, prompt)).toList();
      List<Future<float[]>> together = new ArrayList<>();
      try (ExecutorService threads = Executors.newFixedThreadPool(16)) {
        for (int i = 0; i < 64; i++) {
          String prompt = prompts.get(i % prompts.size());
          together.add(threads.submit(() -> encode(encoder, prompt)));
        }
      }
      for (int i = 0; i < together.size(); i++) {
        assertTrue(
            Arrays.equals(alone.get(i % prompts.size()), together.get(i).get()), "prompt " + i);
      }
    }
  }

  /** Sizes whose products overflow, or ask for more than the latents that are there. */
  @Test
  void sizesOfLatentsAreBoundedBeforeMemoryIsTaken() throws IOException {
    try (FirstStage stage =
            FirstStage.open(
                device,
                checkpoint.component(Part.AUTOENCODER).orElseThrow(),
                FirstStageOptions.standard());
        Arena arena = Arena.ofConfined()) {
      MemorySegment little = arena.allocate(64, Float.BYTES);
      for (int side : new int[] {0, -1, 1 << 14, 1 << 20, Integer.MAX_VALUE}) {
        assertThrows(
            IllegalArgumentException.class, () -> stage.decode(1, side, side, little, little));
        assertThrows(IllegalArgumentException.class, () -> stage.decode(1, side, side, little));
      }
    }
    assertEquals(List.of(), Slab.live());
  }
}
