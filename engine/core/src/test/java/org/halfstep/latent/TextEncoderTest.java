package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.text.ClipTokenizer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Prompts to contexts, with the text encoder of the tiny model. */
class TextEncoderTest {
  private static final List<String> PROMPTS = List.of("a photo of a cat", "", "A red House");

  @TempDir private static Path shared;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(shared);
  }

  private static float[] contexts(String file, TextEncoderOptions options, List<String> prompts)
      throws IOException {
    try (Checkpoint checkpoint =
            Checkpoint.open(shared.resolve(file), CheckpointOptions.standard());
        Device device = new CpuDevice();
        TextEncoder encoder = open(device, checkpoint, options)) {
      float[] contexts = new float[prompts.size() * encoder.tokens() * encoder.width()];
      encoder.encode(prompts, MemorySegment.ofArray(contexts));
      return contexts;
    }
  }

  private static TextEncoder open(Device device, Checkpoint checkpoint, TextEncoderOptions options)
      throws IOException {
    Component component = checkpoint.component(Part.TEXT_ENCODER).orElseThrow();
    return TextEncoder.open(device, component, tokenizer(), options);
  }

  private static ClipTokenizer tokenizer() throws IOException {
    return ClipTokenizer.open(shared.resolve("diffusers").resolve("tokenizer"));
  }

  private static float[] context(float[] contexts, int row) {
    int size = contexts.length / PROMPTS.size();
    return Arrays.copyOfRange(contexts, row * size, (row + 1) * size);
  }

  @Test
  void aContextDoesNotDependOnWhatElseIsEncoded() throws IOException {
    TextEncoderOptions standard = TextEncoderOptions.standard();
    float[] all = contexts("diffusers", standard, PROMPTS);
    for (int i = 0; i < PROMPTS.size(); i++) {
      assertArrayEquals(context(all, i), contexts("diffusers", standard, List.of(PROMPTS.get(i))));
      // Twice in one request, behind another.
      List<String> twice = List.of(PROMPTS.get(i), "sky", PROMPTS.get(i));
      float[] repeated = contexts("diffusers", standard, twice);
      assertArrayEquals(context(all, i), context(repeated, 0));
      assertArrayEquals(context(all, i), context(repeated, 2));
      assertFalse(Arrays.equals(context(repeated, 0), context(repeated, 1)));
    }
    // The first token sees itself alone.
    int width = 64;
    assertArrayEquals(Arrays.copyOf(context(all, 0), width), Arrays.copyOf(context(all, 1), width));
  }

  @Test
  void theSameFromEveryLayout() throws IOException {
    TextEncoderOptions standard = TextEncoderOptions.standard();
    float[] folder = contexts("diffusers", standard, PROMPTS);
    assertArrayEquals(folder, contexts("tiny.safetensors", standard, PROMPTS));
    assertArrayEquals(folder, contexts("tiny.ckpt", standard, PROMPTS));
    assertFalse(Arrays.equals(folder, contexts("tiny-bf16.safetensors", standard, PROMPTS)));
  }

  @Test
  void memoryOfTheDeviceIsWrittenLikewise() throws IOException {
    try (Checkpoint checkpoint =
            Checkpoint.open(shared.resolve("diffusers"), CheckpointOptions.standard());
        Device device = new CpuDevice();
        TextEncoder encoder = open(device, checkpoint, TextEncoderOptions.standard());
        Slab memory = device.allocate("contexts", 3 * encoder.contextBytes())) {
      encoder.encode(PROMPTS, memory.address());
      int numbers = (int) (3 * encoder.contextBytes() / Float.BYTES);
      assertArrayEquals(
          contexts("diffusers", TextEncoderOptions.standard(), PROMPTS),
          DeviceArrays.read(device, memory.address(), numbers));
      MemorySegment small = MemorySegment.ofArray(new float[7]);
      assertThrows(IllegalArgumentException.class, () -> encoder.encode(PROMPTS, small));
    }
  }

  @Test
  void skippedLayersAreNotRun() throws IOException {
    TextEncoderOptions standard = TextEncoderOptions.standard();
    float[] all = contexts("diffusers", standard, PROMPTS);
    float[] fewer = contexts("diffusers", standard.withSkipped(1), PROMPTS);
    assertFalse(Arrays.equals(all, fewer));
    String line =
        assertThrows(
                IllegalArgumentException.class,
                () -> contexts("diffusers", standard.withSkipped(2), PROMPTS))
            .getMessage();
    assertTrue(line.contains("of 2 layers 0 to 1 can be skipped"), line);
  }

  @Test
  void whatIsNotUsedIsSaid() throws IOException {
    try (Checkpoint checkpoint =
            Checkpoint.open(shared.resolve("diffusers"), CheckpointOptions.standard());
        Device device = new CpuDevice();
        TextEncoder encoder = open(device, checkpoint, TextEncoderOptions.standard())) {
      assertEquals(List.of(), encoder.notices(PROMPTS.getFirst()));
      String words = "a ".repeat(74) + "cat small dog";
      assertEquals(
          List.of("the prompt has more than 75 tokens; not used: \"small dog\""),
          encoder.notices(words));
    }
  }

  @Test
  void partsOfDifferentModelsAreRefused() throws IOException {
    try (Checkpoint checkpoint =
            Checkpoint.open(shared.resolve("diffusers"), CheckpointOptions.standard());
        Device device = new CpuDevice()) {
      Component unet = checkpoint.component(Part.UNET).orElseThrow();
      Component text = checkpoint.component(Part.TEXT_ENCODER).orElseThrow();
      ClipTokenizer own = tokenizer();
      TextEncoderOptions standard = TextEncoderOptions.standard();
      assertThrows(
          IllegalArgumentException.class, () -> TextEncoder.open(device, unet, own, standard));
      List<String[]> merges = new ArrayList<>();
      for (char first = 'a'; first <= 'z'; first++) {
        for (char second = 'a'; second <= 'z'; second++) {
          merges.add(new String[] {"" + first, "" + second});
        }
      }
      ClipTokenizer large = ClipTokenizer.of(merges);
      String line =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> TextEncoder.open(device, text, large, standard))
              .getMessage();
      assertTrue(line.contains("they belong to different models"), line);
    }
  }
}
