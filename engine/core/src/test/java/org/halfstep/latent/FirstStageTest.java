package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.halfstep.HeapAllocation;
import org.halfstep.LeakCheck;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.device.Device;
import org.halfstep.device.OnePlanDevice;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.image.ImageBatch;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a pipeline asks of a first stage. */
@ExtendWith(LeakCheck.class)
class FirstStageTest {
  private static final int HEIGHT = 5;
  private static final int WIDTH = 6;
  private static final int LATENT = HEIGHT * WIDTH * 4;
  private static final int IMAGE = 2 * HEIGHT * 2 * WIDTH * 3;

  private final AutoencoderDescription network = FirstStages.gaussian();
  private final Arena arena = Arena.ofShared();
  private Device device;
  private HashedTensors weights;
  private FirstStage stage;

  @BeforeEach
  void open() throws IOException {
    device = new CpuDevice();
    weights = new HashedTensors(network);
    stage = open(FirstStageOptions.standard());
  }

  @AfterEach
  void close() {
    stage.close();
    weights.close();
    device.close();
    arena.close();
  }

  private FirstStage open(FirstStageOptions options) throws IOException {
    return FirstStage.open(device, FirstStages.component(network, weights), options);
  }

  private float[] part(MemorySegment memory, int index, int numbers) {
    return FirstStages.floats(
        memory.asSlice((long) Float.BYTES * index * numbers, (long) Float.BYTES * numbers));
  }

  @Test
  void latentsAreUnscaledDecodedAndClamped() throws IOException {
    MemorySegment latents = FirstStages.normal(arena, 2 * LATENT, 1);
    MemorySegment images = arena.allocate(4L * 2 * IMAGE, 4);
    stage.decode(2, HEIGHT, WIDTH, latents, images);
    boolean clamped = false;
    for (int k = 0; k < 2; k++) {
      float[] z = part(latents, k, LATENT);
      for (int i = 0; i < LATENT; i++) {
        z[i] = (float) (z[i] / FirstStages.SCALING);
      }
      float[] raw =
          FirstStages.run(device, AutoencoderConfig.decoder(network, HEIGHT, WIDTH), weights, z);
      float[] got = part(images, k, IMAGE);
      for (int i = 0; i < IMAGE; i++) {
        clamped |= Math.abs(raw[i]) > 1;
        assertEquals(Math.clamp(raw[i], -1f, 1f), got[i]);
      }
    }
    assertTrue(clamped, "nothing to clamp");
    ImageBatch rounded = stage.decode(2, HEIGHT, WIDTH, latents);
    float[] all = FirstStages.floats(images);
    for (int i = 0; i < all.length; i++) {
      assertEquals((all[i] + 1) * 127.5, Byte.toUnsignedInt(rounded.pixels()[i]), 0.5001);
    }
    assertEquals(2 * HEIGHT, rounded.height());
    assertEquals(2 * WIDTH, rounded.width());
  }

  @Test
  void theModeIsTheScaledMeanAndASampleHasKeyedNoise() throws IOException {
    MemorySegment images = FirstStages.normal(arena, 2 * IMAGE, 2);
    MemorySegment mode = arena.allocate(4L * 2 * LATENT, 4);
    MemorySegment sample = arena.allocate(4L * 2 * LATENT, 4);
    stage.encode(2, 2 * HEIGHT, 2 * WIDTH, images, LatentDraw.mode(), mode);
    stage.encode(2, 2 * HEIGHT, 2 * WIDTH, images, LatentDraw.sample(7, 40), sample);
    for (int k = 0; k < 2; k++) {
      float[] moments =
          FirstStages.run(
              device,
              AutoencoderConfig.encoder(network, HEIGHT, WIDTH),
              weights,
              part(images, k, IMAGE));
      float[] means = part(mode, k, LATENT);
      float[] drawn = part(sample, k, LATENT);
      for (int i = 0; i < LATENT; i++) {
        double mean = moments[i / 4 * 8 + i % 4];
        double logVariance = moments[i / 4 * 8 + 4 + i % 4];
        double noise = Philox.normal(7, 40 + k, Posterior.DRAW, i);
        assertEquals((float) (mean * FirstStages.SCALING), means[i]);
        double wanted = FirstStages.SCALING * (mean + Math.exp(logVariance / 2) * noise);
        assertEquals(wanted, drawn[i], 1e-6);
      }
    }
    // Image 41 of seed 7 alone.
    MemorySegment alone = arena.allocate(4L * LATENT, 4);
    stage.encode(
        1, 2 * HEIGHT, 2 * WIDTH, images.asSlice(4L * IMAGE), LatentDraw.sample(7, 41), alone);
    assertArrayEquals(part(sample, 1, LATENT), FirstStages.floats(alone));
  }

  @Test
  void variancesAreClamped() {
    assertEquals(Math.exp(10), Posterior.deviation(1000));
    assertEquals(Math.exp(-15), Posterior.deviation(-1000));
    assertEquals(Math.exp(1), Posterior.deviation(2));
  }

  @Test
  void bytesAreEncodedAsTheNumbersThatTheyStandFor() {
    byte[] pixels = new byte[IMAGE];
    float[] numbers = new float[IMAGE];
    for (int i = 0; i < IMAGE; i++) {
      pixels[i] = (byte) (37 * i);
      numbers[i] = (float) (Byte.toUnsignedInt(pixels[i]) / 127.5 - 1);
    }
    MemorySegment expected = arena.allocate(4L * LATENT, 4);
    MemorySegment got = arena.allocate(4L * LATENT, 4);
    stage.encode(
        1, 2 * HEIGHT, 2 * WIDTH, FirstStages.memory(arena, numbers), LatentDraw.mode(), expected);
    stage.encode(new ImageBatch(1, 2 * HEIGHT, 2 * WIDTH, 3, pixels), LatentDraw.mode(), got);
    assertArrayEquals(FirstStages.floats(expected), FirstStages.floats(got));
  }

  @Test
  void aQuantizedOneDecodesItsNearestCodes() throws IOException {
    AutoencoderDescription codes = FirstStages.quantized();
    try (HashedTensors others = new HashedTensors(codes);
        FirstStage looking =
            FirstStage.open(
                device, FirstStages.component(codes, others), FirstStageOptions.standard())) {
      float[] table = others.find("quantize.embedding.weight").orElseThrow().floats();
      MemorySegment latents = FirstStages.normal(arena, HEIGHT * WIDTH * 3, 4);
      float[] nearest = new float[HEIGHT * WIDTH * 3];
      for (int p = 0; p < HEIGHT * WIDTH; p++) {
        double least = Double.POSITIVE_INFINITY;
        for (int row = 0; row < 16; row++) {
          double distance = 0;
          for (int c = 0; c < 3; c++) {
            double z = latents.getAtIndex(ValueLayout.JAVA_FLOAT, 3 * p + c) / FirstStages.SCALING;
            distance += Math.pow(z - table[3 * row + c], 2);
          }
          if (distance < least) {
            least = distance;
            System.arraycopy(table, 3 * row, nearest, 3 * p, 3);
          }
        }
      }
      float[] expected =
          FirstStages.run(
              device,
              new AutoencoderConfig(codes, Half.DECODER, HEIGHT, WIDTH, false),
              others,
              nearest);
      MemorySegment images = arena.allocate(4L * IMAGE, 4);
      looking.decode(1, HEIGHT, WIDTH, latents, images);
      float[] got = FirstStages.floats(images);
      for (int i = 0; i < IMAGE; i++) {
        assertEquals(Math.clamp(expected[i], -1f, 1f), got[i], 1e-6);
      }
      // What it encodes is no code, and its draw does not matter.
      MemorySegment mode = arena.allocate(4L * HEIGHT * WIDTH * 3, 4);
      MemorySegment sample = arena.allocate(4L * HEIGHT * WIDTH * 3, 4);
      looking.encode(1, 2 * HEIGHT, 2 * WIDTH, images, LatentDraw.mode(), mode);
      looking.encode(1, 2 * HEIGHT, 2 * WIDTH, images, LatentDraw.sample(1, 1), sample);
      assertArrayEquals(FirstStages.floats(mode), FirstStages.floats(sample));
    }
  }

  @Test
  void tilesAreBlendedAsInPlainJava() throws IOException {
    int height = 13;
    int width = 9;
    int side = 6;
    int overlap = 2;
    MemorySegment latents = FirstStages.normal(arena, height * width * 4, 5);
    MemorySegment images = arena.allocate(4L * 4 * height * width * 3, 4);
    MemorySegment encoded = arena.allocate(4L * height * width * 4, 4);
    try (FirstStage tiled =
        open(FirstStageOptions.standard().withTiling(new Tiling(side, overlap)))) {
      tiled.decode(1, height, width, latents, images);
      tiled.encode(1, 2 * height, 2 * width, images, LatentDraw.mode(), encoded);
    }
    float[] z = FirstStages.floats(latents);
    for (int i = 0; i < z.length; i++) {
      z[i] = (float) (z[i] / FirstStages.SCALING);
    }
    PlainTiles decoding = new PlainTiles(height, width, side, overlap, 2, 3);
    double[] whole =
        decoding.blend(
            window ->
                run(
                    AutoencoderConfig.decoder(network, window.height(), window.width()),
                    PlainTiles.cut(z, width, 1, 4, window)));
    float[] got = FirstStages.floats(images);
    for (int i = 0; i < got.length; i++) {
      assertEquals(Math.clamp(whole[i], -1, 1), got[i], 1e-6);
    }
    PlainTiles encoding = new PlainTiles(height, width, side, overlap, 1, 8);
    double[] moments =
        encoding.blend(
            window ->
                run(
                    AutoencoderConfig.encoder(network, window.height(), window.width()),
                    PlainTiles.cut(got, width, 2, 3, window)));
    float[] latent = FirstStages.floats(encoded);
    for (int i = 0; i < latent.length; i++) {
      assertEquals(FirstStages.SCALING * moments[i / 4 * 8 + i % 4], latent[i], 1e-6);
    }
  }

  private float[] run(AutoencoderConfig config, float... in) {
    try {
      return FirstStages.run(device, config, weights, in);
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }

  @Test
  void whatFitsOneTileIsNotCut() throws IOException {
    MemorySegment latents = FirstStages.normal(arena, LATENT, 6);
    MemorySegment whole = arena.allocate(4L * IMAGE, 4);
    MemorySegment images = arena.allocate(4L * IMAGE, 4);
    stage.decode(1, HEIGHT, WIDTH, latents, whole);
    try (FirstStage tiled = open(FirstStageOptions.standard().withTiling(new Tiling(6, 2)))) {
      tiled.decode(1, HEIGHT, WIDTH, latents, images);
    }
    assertArrayEquals(FirstStages.floats(whole), FirstStages.floats(images));
  }

  @Test
  void releasedMemoryIsTakenAgain() {
    int before = Slab.live().size();
    MemorySegment latents = FirstStages.normal(arena, LATENT, 7);
    byte[] expected = stage.decode(1, HEIGHT, WIDTH, latents).pixels();
    int held = Slab.live().size();
    assertTrue(held > before);
    stage.release();
    assertTrue(Slab.live().size() < held);
    assertArrayEquals(expected, stage.decode(1, HEIGHT, WIDTH, latents).pixels());
  }

  @Test
  void anotherSizeTakesTheMemoryOfTheLast() throws IOException {
    MemorySegment latents = FirstStages.normal(arena, LATENT, 8);
    byte[] expected = stage.decode(1, HEIGHT, WIDTH, latents).pixels();
    stage.release();
    try (Device small = new OnePlanDevice(new CpuDevice());
        FirstStage tight =
            FirstStage.open(
                small, FirstStages.component(network, weights), FirstStageOptions.standard())) {
      tight.decode(1, WIDTH, HEIGHT, latents);
      assertArrayEquals(expected, tight.decode(1, HEIGHT, WIDTH, latents).pixels());
      MemorySegment images = FirstStages.normal(arena, IMAGE, 9);
      tight.encode(1, 2 * HEIGHT, 2 * WIDTH, images, LatentDraw.mode(), latents);
    }
  }

  @Test
  void warmRequestsAllocateNothing() {
    MemorySegment latents = FirstStages.normal(arena, LATENT, 8);
    MemorySegment images = arena.allocate(4L * IMAGE, 4);
    LatentDraw draw = LatentDraw.mode();
    assertEquals(0, HeapAllocation.bytes(() -> stage.decode(1, HEIGHT, WIDTH, latents, images)));
    assertEquals(
        0,
        HeapAllocation.bytes(() -> stage.encode(1, 2 * HEIGHT, 2 * WIDTH, images, draw, latents)));
  }

  @Test
  void whatCannotBeIsRefusedInOneLine() throws IOException {
    MemorySegment latents = FirstStages.normal(arena, LATENT, 9);
    MemorySegment images = arena.allocate(4L * IMAGE, 4);
    refused(
        () -> stage.encode(1, 9, 2 * WIDTH, images, LatentDraw.mode(), latents),
        "height of an image must be a multiple of 2 pixels, got 9: use 10");
    refused(() -> stage.decode(2, HEIGHT, WIDTH, latents, images), "2 latents of 120 float32");
    refused(
        () -> stage.encode(new ImageBatch(1, 2, 2, 1, new byte[4]), LatentDraw.mode(), latents),
        "images of 3 channels, got 1");
    TextDescription text = new TextDescription(4, 4, 4, 4, 1, 1, true);
    refused(
        () ->
            FirstStage.open(
                device, new Component(text, text.toJson(), weights), FirstStageOptions.standard()),
        "expected the first stage");
    refused(() -> new Tiling(6, 4), "overlap by 1 to half");
    latents.setAtIndex(ValueLayout.JAVA_FLOAT, 3, Float.NaN);
    ArithmeticException broken =
        assertThrows(
            ArithmeticException.class, () -> stage.decode(1, HEIGHT, WIDTH, latents, images));
    assertTrue(broken.getMessage().contains("decoder made NaN of image 0"), broken.getMessage());
  }

  /** Runs what may fail. */
  private interface Attempt {
    void run() throws IOException;
  }

  private static void refused(Attempt attempt, String because) {
    IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, attempt::run);
    assertTrue(refused.getMessage().contains(because), refused.getMessage());
  }

  @Test
  void aPreviewIsTheNearestLinearMap() {
    // Pictures that are a linear map of latents, but for noise within each latent pixel.
    int side = 6;
    double[][] map = {{.3, -.2, .1}, {-.1, .25, .2}, {.05, .1, -.3}, {.2, .1, .1}, {.1, 0, -.1}};
    float[] z = FirstStages.floats(FirstStages.normal(arena, side * side * 4, 10));
    float[] image = new float[4 * side * side * 3];
    for (int i = 0; i < image.length; i++) {
      int y = i / 3 / (2 * side);
      int x = i / 3 % (2 * side);
      double colour = map[4][i % 3] + ((x + y) % 2 == 0 ? .5 : -.5);
      for (int c = 0; c < 4; c++) {
        colour += map[c][i % 3] * z[(y / 2 * side + x / 2) * 4 + c];
      }
      image[i] = (float) colour;
    }
    MemorySegment latents = FirstStages.memory(arena, z);
    LatentPreview preview =
        LatentPreview.fit(latents, side, side, 4, FirstStages.memory(arena, image), 2, 3);
    byte[] pixels = preview.render(1, side, side, latents).pixels();
    for (int i = 0; i < pixels.length; i++) {
      double colour = map[4][i % 3];
      for (int c = 0; c < 4; c++) {
        colour += map[c][i % 3] * z[i / 3 * 4 + c];
      }
      assertEquals(Math.clamp((colour + 1) * 127.5, 0, 255), Byte.toUnsignedInt(pixels[i]), 0.51);
    }
  }

  @Test
  void aPreviewFollowsTheDecoder() {
    // Patches, which a linear map can follow.
    int side = 16;
    float[] z = new float[side * side * 4];
    for (int i = 0; i < z.length; i++) {
      int patch = i / 4 / side / 8 * 2 + i / 4 % side / 8;
      z[i] = (float) Philox.normal(5, 0, 0, 4 * patch + i % 4);
    }
    MemorySegment latents = FirstStages.memory(arena, z);
    byte[] small = stage.preview().render(1, side, side, latents).pixels();
    byte[] large = stage.decode(1, side, side, latents).pixels();
    double[] means = new double[small.length];
    for (int i = 0; i < large.length; i++) {
      int p = i / 3 / (2 * side) / 2 * side + i / 3 % (2 * side) / 2;
      means[3 * p + i % 3] += Byte.toUnsignedInt(large[i]) / 4.0;
    }
    double mean = Arrays.stream(means).average().orElseThrow();
    double error = 0;
    double spread = 0;
    for (int i = 0; i < means.length; i++) {
      error += Math.pow(Byte.toUnsignedInt(small[i]) - means[i], 2);
      spread += Math.pow(means[i] - mean, 2);
    }
    assertTrue(error < spread, "the preview says less than the mean: " + error / spread);
    assertEquals(stage.preview(), stage.preview());
  }
}
