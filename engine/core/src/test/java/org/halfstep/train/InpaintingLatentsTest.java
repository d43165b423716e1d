package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.ImageSource;
import org.halfstep.data.MaskedPictures;
import org.halfstep.data.RandomMask;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentCache;
import org.halfstep.latent.LatentCacheWriter;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an inpainting network is shown beside latents, against the masks and caches it is of. */
class InpaintingLatentsTest {
  private static final int SIDE = 16;
  private static final int FACTOR = 8;
  private static final int LATENT = SIDE / FACTOR;
  private static final int PIXELS = LATENT * LATENT;
  private static final int PICTURES = 3;
  private static final int MASKS = 2;
  private static final long SEED = 11;

  @TempDir private Path folder;

  private LatentCache cache(
      FirstStage stage, Component component, ImageSource pictures, String name) throws IOException {
    return LatentCacheWriter.openOrMake(
        folder.resolve(name),
        new LatentCache.Origin(component.sha256(), stage.scalingFactor(), true, name),
        stage,
        pictures,
        _ -> {});
  }

  @Test
  void theMaskAndTheMaskedLatentAreOfOnePicture() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    byte[] pixels = new byte[PICTURES * SIDE * SIDE * 3];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (i * 31 + i / 700);
    }
    try (Device device = new CpuDevice();
        Checkpoint checkpoint =
            Checkpoint.open(folder.resolve("tiny/inpainting"), CheckpointOptions.standard());
        ImageDataset data =
            ImageDataset.of(pixels, new int[PICTURES], SIDE, SIDE, 3, List.of("a"))) {
      Component component = checkpoint.component(Part.AUTOENCODER).orElseThrow();
      try (FirstStage stage = FirstStage.open(device, component, FirstStageOptions.standard());
          LatentCache plain = cache(stage, component, ImageSource.of(data), "plain");
          LatentCache masked =
              cache(
                  stage,
                  component,
                  new MaskedPictures(ImageSource.of(data), MASKS, SEED),
                  "masked")) {
        check(data, plain, masked);
      }
    }
  }

  private static void check(ImageDataset data, LatentCache plain, LatentCache masked) {
    InpaintingLatents latents =
        new InpaintingLatents(
            new LabelledLatents(data, plain, true), masked, MASKS, SEED, FACTOR, true);
    ExampleDraws draws = new ExampleDraws(5);
    assertEquals(5, latents.besideChannels());
    Set<Integer> seen = new HashSet<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment beside = arena.allocate(4L * PIXELS * 5 + 8, 4);
      MemorySegment one = arena.allocate(4L * PIXELS * 4, 4);
      for (int example = 0; example < 24; example++) {
        int index = example % PICTURES;
        latents.writeBeside(index, example, draws, beside, 8);
        boolean mirrored = draws.mirrors(example, 0.5);
        int number = -1;
        for (int mask = 0; mask < MASKS; mask++) {
          number = isShown(beside, index * MASKS + mask, mirrored) ? index * MASKS + mask : number;
        }
        assertTrue(number >= 0, "example " + example + " shows one of its picture's masks");
        seen.add(number * 2 + (mirrored ? 1 : 0));
        masked.write(number, mirrored, Philox.childSeed(5, 34), example, one, 0);
        for (int i = 0; i < PIXELS * 4; i++) {
          long at = 8 + 4L * (i / 4 * 5 + 1 + i % 4);
          assertEquals(
              one.getAtIndex(ValueLayout.JAVA_FLOAT, i), beside.get(ValueLayout.JAVA_FLOAT, at));
        }
      }
    }
    assertTrue(seen.size() > PICTURES * MASKS, "both masks and both ways round");
  }

  private static boolean isShown(MemorySegment beside, int number, boolean mirrored) {
    boolean[] mask = RandomMask.draw(SEED, number, SIDE, SIDE);
    boolean same = true;
    for (int y = 0; y < LATENT; y++) {
      for (int x = 0; x < LATENT; x++) {
        int column = mirrored ? LATENT - 1 - x : x;
        float shown = beside.get(ValueLayout.JAVA_FLOAT, 8 + 4L * 5 * (y * LATENT + x));
        same &= shown == (mask[FACTOR * y * SIDE + FACTOR * column] ? 1 : 0);
      }
    }
    return same;
  }
}
