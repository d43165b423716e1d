package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.halfstep.HeapAllocation;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.ImageSource;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A cache gives the latents that the encoder gives, and is one of its pictures and encoder alone.
 */
class LatentCacheTest {
  private static final int IMAGES = 5;
  private static final int HEIGHT = 12;
  private static final int WIDTH = 8;

  /** Half a unit in the last place of float16, of means and of standard deviations. */
  private static final double ROUNDING = 2e-3;

  @TempDir Path folder;
  private final List<Integer> heard = new ArrayList<>();

  private static ImageDataset pictures(int seed) {
    byte[] pixels = new byte[IMAGES * HEIGHT * WIDTH * 3];
    new Random(seed).nextBytes(pixels);
    return ImageDataset.of(pixels, new int[IMAGES], HEIGHT, WIDTH, 3, List.of("all"));
  }

  private LatentCache make(
      Path file,
      AutoencoderDescription network,
      FirstStage stage,
      HashedTensors weights,
      ImageDataset data)
      throws IOException {
    try (ImageSource source = ImageSource.of(data)) {
      return LatentCacheWriter.openOrMake(
          file, origin(network, stage, weights, data), stage, source, heard::add);
    }
  }

  private static LatentCache.Origin origin(
      AutoencoderDescription network, FirstStage stage, HashedTensors weights, ImageDataset data) {
    return new LatentCache.Origin(
        FirstStages.component(network, weights).sha256(),
        stage.scalingFactor(),
        !network.isQuantized(),
        data.sha256());
  }

  private static void mirror(ImageBatch image) {
    byte[] pixels = image.pixels().clone();
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        for (int c = 0; c < 3; c++) {
          image.pixels()[(y * WIDTH + x) * 3 + c] = pixels[(y * WIDTH + WIDTH - 1 - x) * 3 + c];
        }
      }
    }
  }

  @Test
  void latentsAreThoseOfTheEncoderForPicturesAndTheirMirrorImages() throws IOException {
    check(FirstStages.gaussian());
    check(FirstStages.quantized());
  }

  private void check(AutoencoderDescription network) throws IOException {
    Path file = folder.resolve(network.isQuantized() + ".safetensors");
    try (Device device = new CpuDevice(2);
        HashedTensors weights = new HashedTensors(network);
        FirstStage stage =
            FirstStage.open(
                device, FirstStages.component(network, weights), FirstStageOptions.standard());
        ImageDataset data = pictures(1);
        LatentCache cache = make(file, network, stage, weights, data);
        Arena arena = Arena.ofConfined()) {
      assertEquals(IMAGES, cache.count());
      assertEquals(HEIGHT / 2, cache.height());
      assertEquals(WIDTH / 2, cache.width());
      assertEquals(network.codeWidth(), cache.channels());
      assertEquals(FirstStages.SCALING, cache.scalingFactor());
      int values = cache.latentValues();
      MemorySegment want = arena.allocate((long) Float.BYTES * values, Float.BYTES);
      MemorySegment got = arena.allocate((long) Float.BYTES * (values + 3), Float.BYTES);
      for (int index = 0; index < IMAGES; index++) {
        for (boolean mirrored : new boolean[] {false, true}) {
          ImageBatch image = data.batch(index);
          if (mirrored) {
            mirror(image);
          }
          stage.encode(image, LatentDraw.sample(11, 40 + index), want);
          cache.write(index, mirrored, 11, 40 + index, got, 3 * Float.BYTES);
          for (int i = 0; i < values; i++) {
            double wanted = want.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            assertEquals(
                wanted,
                got.getAtIndex(ValueLayout.JAVA_FLOAT, i + 3),
                ROUNDING * Math.max(1, Math.abs(wanted)),
                "picture " + index + (mirrored ? ", mirrored" : ""));
          }
        }
      }
      float first = got.getAtIndex(ValueLayout.JAVA_FLOAT, 3);
      cache.write(IMAGES - 1, true, 11, 99, got, 3 * Float.BYTES);
      float second = got.getAtIndex(ValueLayout.JAVA_FLOAT, 3);
      assertEquals(network.isQuantized(), first == second, "noise is another for another example");
      assertEquals(0, HeapAllocation.bytes(() -> writeMany(cache, got)));
    }
  }

  private static void writeMany(LatentCache cache, MemorySegment to) {
    for (int example = 0; example < 20; example++) {
      cache.write(2, false, 1, example, to, 3 * Float.BYTES);
    }
  }

  /** Where a picture is exactly 0, between two bytes, its latent is that of 0. */
  @Test
  void pixelsThatNoByteSaysAreEncodedAsTheyAre() throws IOException {
    AutoencoderDescription network = FirstStages.quantized();
    boolean[] blank = new boolean[HEIGHT * WIDTH];
    for (int i = 0; i < blank.length; i++) {
      blank[i] = i % WIDTH < 3 || i / WIDTH == 2;
    }
    try (Device device = new CpuDevice(2);
        HashedTensors weights = new HashedTensors(network);
        FirstStage stage =
            FirstStage.open(
                device, FirstStages.component(network, weights), FirstStageOptions.standard());
        ImageDataset data = pictures(1);
        ImageSource source = ImageSource.of(data);
        LatentCache cache =
            LatentCacheWriter.openOrMake(
                folder.resolve("blank.safetensors"),
                origin(network, stage, weights, data),
                stage,
                source,
                number -> number == 1 ? blank : null,
                heard::add);
        Arena arena = Arena.ofConfined()) {
      int values = cache.latentValues();
      MemorySegment picture = arena.allocate((long) Float.BYTES * HEIGHT * WIDTH * 3, Float.BYTES);
      MemorySegment want = arena.allocate((long) Float.BYTES * values, Float.BYTES);
      MemorySegment got = arena.allocate((long) Float.BYTES * values, Float.BYTES);
      for (int index = 0; index < IMAGES; index++) {
        for (boolean mirrored : new boolean[] {false, true}) {
          byte[] pixels = data.batch(index).pixels();
          for (int i = 0; i < HEIGHT * WIDTH * 3; i++) {
            int x = i / 3 % WIDTH;
            int pixel = i / 3 - x + (mirrored ? WIDTH - 1 - x : x);
            double value = (pixels[pixel * 3 + i % 3] & 0xff) / 127.5 - 1;
            picture.setAtIndex(
                ValueLayout.JAVA_FLOAT, i, index == 1 && blank[pixel] ? 0 : (float) value);
          }
          stage.moments(1, HEIGHT, WIDTH, picture, want);
          cache.write(index, mirrored, 11, 40, got, 0);
          for (int i = 0; i < values; i++) {
            float moment =
                Float.float16ToFloat(
                    Float.floatToFloat16(want.getAtIndex(ValueLayout.JAVA_FLOAT, i)));
            assertEquals(
                (float) (moment * FirstStages.SCALING),
                got.getAtIndex(ValueLayout.JAVA_FLOAT, i),
                "picture " + index + (mirrored ? ", mirrored" : ""));
          }
        }
      }
    }
  }

  @Test
  void itIsMadeOnceAndNotForOtherPicturesOrWeights() throws IOException {
    AutoencoderDescription network = FirstStages.gaussian();
    Path file = folder.resolve("latents.safetensors");
    try (Device device = new CpuDevice(2);
        HashedTensors weights = new HashedTensors(network);
        FirstStage stage =
            FirstStage.open(
                device, FirstStages.component(network, weights), FirstStageOptions.standard());
        ImageDataset data = pictures(1);
        ImageDataset others = pictures(2)) {
      String made;
      try (LatentCache cache = make(file, network, stage, weights, data)) {
        made = cache.sha256();
      }
      assertEquals(List.of(1, 2, 3, 4, 5), heard);
      try (LatentCache cache = make(file, network, stage, weights, data)) {
        assertEquals(made, cache.sha256());
      }
      assertEquals(IMAGES, heard.size(), "nothing is encoded a second time");

      DataException refused =
          assertThrows(
              DataException.class, () -> make(file, network, stage, weights, others).close());
      assertTrue(
          refused.getMessage().contains("holds latents of other pictures (pictures "),
          refused.getMessage());
      LatentCache.Origin known = origin(network, stage, weights, data);
      for (LatentCache.Origin other :
          List.of(
              new LatentCache.Origin("0", known.scaling(), true, known.pictures()),
              new LatentCache.Origin(known.autoencoder(), 1, true, known.pictures()),
              new LatentCache.Origin(
                  known.autoencoder(), known.scaling(), false, known.pictures()))) {
        DataException said =
            assertThrows(DataException.class, () -> LatentCache.open(file, other).close());
        assertTrue(said.getMessage().contains("other weights of a first stage"), said.getMessage());
      }
      Path again = folder.resolve("again.safetensors");
      try (LatentCache cache = make(again, network, stage, weights, others)) {
        assertNotEquals(made, cache.sha256());
      }
    }
  }

  @Test
  void aDamagedFileIsRefused() throws IOException {
    AutoencoderDescription network = FirstStages.gaussian();
    Path file = folder.resolve("latents.safetensors");
    try (Device device = new CpuDevice(2);
        HashedTensors weights = new HashedTensors(network);
        FirstStage stage =
            FirstStage.open(
                device, FirstStages.component(network, weights), FirstStageOptions.standard());
        ImageDataset data = pictures(1)) {
      make(file, network, stage, weights, data).close();
      byte[] bytes = Files.readAllBytes(file);
      bytes[bytes.length - 1] = 0x7c; // an infinity
      bytes[bytes.length - 2] = 0;
      Files.write(file, bytes);
      DataException refused =
          assertThrows(
              DataException.class, () -> make(file, network, stage, weights, data).close());
      assertTrue(refused.getMessage().contains("is not finite at"), refused.getMessage());
    }
  }
}
