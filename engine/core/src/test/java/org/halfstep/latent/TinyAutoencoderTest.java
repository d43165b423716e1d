package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
import java.util.Map;
import org.halfstep.LeakCheck;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.graph.Parameter;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * The small first stage with hashed weights, from files in both kinds of names. What it computes
 * was computed in double by a program of a few lines in PyTorch, written from the specification.
 */
@ExtendWith(LeakCheck.class)
class TinyAutoencoderTest {
  private static final int HEIGHT = 3;
  private static final int WIDTH = 2;
  private static final double TOLERANCE = 2e-5;

  @TempDir private Path folder;
  private final Arena arena = Arena.ofShared();
  private Device device;
  private Path both;
  private Path encoder;
  private Path decoder;

  @BeforeEach
  void write() throws IOException {
    device = new CpuDevice();
    both = folder.resolve("both.safetensors");
    encoder = folder.resolve("taesd_encoder.safetensors");
    decoder = folder.resolve("taesd_decoder.safetensors");
    List<NamedTensor> all = new ArrayList<>();
    for (Half half : Half.values()) {
      List<NamedTensor> bare = new ArrayList<>();
      for (Parameter parameter :
          new TinyAutoencoderConfig(half, 4, 64, 1, 1).graph().parameters().values()) {
        all.add(hashed(parameter, parameter.name()));
        String[] parts = parameter.name().split("\\.", 4);
        int number = Integer.parseInt(parts[2]) + (half == Half.ENCODER ? 0 : 1);
        bare.add(hashed(parameter, number + "." + parts[3]));
      }
      SafetensorsWriter.write(half == Half.ENCODER ? encoder : decoder, bare, Map.of());
    }
    SafetensorsWriter.write(both, all, Map.of());
  }

  @AfterEach
  void close() {
    device.close();
    arena.close();
  }

  /** Weights large enough to come through all layers, and images about the middle of grey. */
  private static NamedTensor hashed(Parameter parameter, String name) {
    long[] shape = parameter.shape().stream().mapToLong(Integer::longValue).toArray();
    float[] values = new float[Math.toIntExact(parameter.size())];
    double scale = shape.length > 1 ? Math.sqrt(4.0 * shape[0] / values.length) : 0.1;
    double offset = parameter.name().equals("decoder.layers.18.bias") ? 0.5 : 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (offset + scale * HashedTensors.hash(parameter.name(), i));
    }
    return NamedTensor.f32(name, shape, values);
  }

  private FirstStage open() throws IOException {
    return FirstStage.openTiny(device, both, both, FirstStageOptions.standard());
  }

  /** Numbers [C, H, W] with channels last. */
  private MemorySegment hashed(String name, double scale, int channels, int pixels) {
    float[] values = new float[channels * pixels];
    for (int i = 0; i < values.length; i++) {
      values[i % pixels * channels + i / pixels] = (float) (scale * HashedTensors.hash(name, i));
    }
    return FirstStages.memory(arena, values);
  }

  private static double[] channelsFirst(float[] values, int channels) {
    double[] result = new double[values.length];
    int pixels = values.length / channels;
    for (int i = 0; i < values.length; i++) {
      result[i % channels * pixels + i / channels] = values[i];
    }
    return result;
  }

  private static void is(
      double[] got, double sum, double absolute, double[] first, double... last) {
    assertEquals(sum, Arrays.stream(got).sum(), TOLERANCE * absolute);
    assertEquals(absolute, Arrays.stream(got).map(Math::abs).sum(), TOLERANCE * absolute);
    assertArrayEquals(first, Arrays.copyOf(got, first.length), TOLERANCE);
    assertArrayEquals(
        last, Arrays.copyOfRange(got, got.length - last.length, got.length), TOLERANCE);
  }

  @Test
  void theEncoderComputesWhatWasComputedInDouble() throws IOException {
    MemorySegment image = hashed("image", 1, 3, 64 * HEIGHT * WIDTH);
    MemorySegment latent = arena.allocate(4L * HEIGHT * WIDTH * 4, 4);
    try (FirstStage stage = open()) {
      stage.encode(1, 8 * HEIGHT, 8 * WIDTH, image, LatentDraw.mode(), latent);
    }
    is(
        channelsFirst(FirstStages.floats(latent), 4),
        0.524086,
        10.333204,
        new double[] {-0.117543, -0.683491, -0.636352, -0.164866},
        -0.102347,
        0.019830);
  }

  /** Clamped, as all images that leave the front door. */
  @Test
  void theDecoderComputesWhatWasComputedInDouble() throws IOException {
    MemorySegment image = arena.allocate(4L * 64 * HEIGHT * WIDTH * 3, 4);
    try (FirstStage stage = open()) {
      stage.decode(1, HEIGHT, WIDTH, hashed("z", 1.7, 4, HEIGHT * WIDTH), image);
    }
    is(
        channelsFirst(FirstStages.floats(image), 3),
        -166.323104,
        779.293988,
        new double[] {-0.756873, -1.000000, -0.589922, -0.277967},
        0.302618,
        0.033254);
  }

  @Test
  void bothKindsOfNamesAreRead() throws IOException {
    MemorySegment z = hashed("z", 1.7, 4, HEIGHT * WIDTH);
    MemorySegment first = arena.allocate(4L * HEIGHT * WIDTH * 4, 4);
    MemorySegment second = arena.allocate(4L * HEIGHT * WIDTH * 4, 4);
    try (FirstStage one = open();
        FirstStage other =
            FirstStage.openTiny(device, encoder, decoder, FirstStageOptions.standard())) {
      assertEquals(4, other.latentChannels());
      byte[] pixels = one.decode(1, HEIGHT, WIDTH, z).pixels();
      assertArrayEquals(pixels, other.decode(1, HEIGHT, WIDTH, z).pixels());
      MemorySegment image = hashed("image", 1, 3, 64 * HEIGHT * WIDTH);
      one.encode(1, 8 * HEIGHT, 8 * WIDTH, image, LatentDraw.mode(), first);
      other.encode(1, 8 * HEIGHT, 8 * WIDTH, image, LatentDraw.mode(), second);
      assertArrayEquals(FirstStages.floats(first), FirstStages.floats(second));
    }
  }

  @Test
  void whatIsMissingIsSaidInOneLine() throws IOException {
    DataException none =
        assertThrows(
            DataException.class,
            () -> FirstStage.openTiny(device, decoder, decoder, FirstStageOptions.standard()));
    assertTrue(
        none.getMessage()
            .endsWith("encoder.layers.0.weight: expected a file of AutoencoderTiny or TAESD"),
        none.getMessage());
    try (FirstStage decoding =
        FirstStage.openTiny(device, null, decoder, FirstStageOptions.standard())) {
      MemorySegment memory = arena.allocate(4L * 64 * 3, 4);
      IllegalStateException refused =
          assertThrows(
              IllegalStateException.class,
              () -> decoding.encode(1, 8, 8, memory, LatentDraw.mode(), memory));
      assertEquals("this first stage was opened without an encoder", refused.getMessage());
    }
  }
}
