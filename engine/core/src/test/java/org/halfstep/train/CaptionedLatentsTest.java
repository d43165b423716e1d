package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.imageio.ImageIO;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.data.CaptionOptions;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.ImageSource;
import org.halfstep.data.Split;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentCache;
import org.halfstep.latent.LatentCacheWriter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pictures with captions as examples: their latents, captions and order. */
class CaptionedLatentsTest {
  private static final int SIDE = 16;
  private static final int PICTURES = 4;

  @TempDir private static Path folder;
  private static CaptionedPictures pictures;
  private static LatentCache latents;

  @BeforeAll
  static void encode() throws IOException {
    Path data = Files.createDirectories(folder.resolve("data"));
    List<String> lines = new ArrayList<>(List.of("file\tcaption\tweight"));
    for (int i = 0; i < PICTURES; i++) {
      BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
      for (int pixel = 0; pixel < SIDE * SIDE; pixel++) {
        image.setRGB(pixel % SIDE, pixel / SIDE, 0x10101 * ((pixel * (i + 3)) % 256));
      }
      ImageIO.write(image, "png", data.resolve(i + ".png").toFile());
      for (String text : List.of("picture " + i, "number " + i)) {
        lines.add(i + ".png\t" + text + "\t" + (i == 0 ? 5 : 1));
      }
    }
    Files.write(data.resolve("captions.tsv"), lines);
    pictures = CaptionedPictures.open(data, CaptionOptions.training());
    TinyPipeline.write(folder.resolve("tiny"));
    try (Device device = new CpuDevice();
        Checkpoint tiny =
            Checkpoint.open(folder.resolve("tiny/diffusers"), CheckpointOptions.standard());
        ImageDataset images =
            pictures.load(DatasetOptions.of(Split.TRAIN).withSize(SIDE, SIDE, 3))) {
      Component component = tiny.component(Part.AUTOENCODER).orElseThrow();
      try (FirstStage stage = FirstStage.open(device, component, FirstStageOptions.standard())) {
        LatentCache.Origin origin =
            new LatentCache.Origin(
                component.sha256(), stage.scalingFactor(), true, images.sha256());
        latents =
            LatentCacheWriter.openOrMake(
                folder.resolve("latents.safetensors"),
                origin,
                stage,
                ImageSource.of(images),
                _ -> {});
      }
    }
  }

  @AfterAll
  static void close() {
    latents.close();
  }

  private static float[] write(Examples examples, int index, long example, long seed) {
    float[] values = new float[examples.shape().size()];
    examples.write(index, example, new ExampleDraws(seed), MemorySegment.ofArray(values), 0);
    return values;
  }

  private static float[] expected(int index, boolean mirrored, long example, long seed) {
    float[] values = new float[latents.latentValues()];
    latents.write(index, mirrored, seed, example, MemorySegment.ofArray(values), 0);
    return values;
  }

  @Test
  void latentsAreDrawnAnewAndMirroredAtRandom() {
    Examples plain = new CaptionedLatents(pictures, latents, false);
    Examples mirrored = new CaptionedLatents(pictures, latents, true);
    assertEquals(new Shape(2, 2, 4), plain.shape());
    assertEquals(PICTURES, plain.count());
    Set<Boolean> seen = new HashSet<>();
    Set<Float> firsts = new HashSet<>();
    for (long example = 0; example < 16; example++) {
      float[] values = write(plain, 1, example, 3);
      assertArrayEquals(expected(1, false, example, 3), values);
      firsts.add(values[0]);
      boolean flips = new ExampleDraws(3).mirrors(example, 0.5);
      seen.add(flips);
      assertArrayEquals(expected(1, flips, example, 3), write(mirrored, 1, example, 3));
    }
    assertEquals(2, seen.size(), "some are mirrored, some are not");
    assertEquals(16, firsts.size(), "noise is drawn for each example");
    assertNotEquals(write(plain, 1, 0, 3)[0], write(plain, 1, 0, 4)[0]);
  }

  @Test
  void captionsAreThePicturesOwnDrawnAnew() {
    Examples examples = new CaptionedLatents(pictures, latents, false);
    assertEquals(2 * PICTURES, examples.conditions());
    List<String> texts = pictures.texts().all();
    Set<String> drawn = new HashSet<>();
    for (long example = 0; example < 16; example++) {
      drawn.add(texts.get(examples.condition(2, example, new ExampleDraws(3))));
    }
    assertEquals(Set.of("picture 2", "number 2"), drawn);
  }

  @Test
  void picturesComeByTheirWeights() {
    ExampleOrder order = new CaptionedLatents(pictures, latents, false).order(7);
    int heavy = 0;
    for (long example = 0; example < 80; example++) {
      int index = order.at(example);
      assertTrue(index >= 0 && index < PICTURES);
      heavy += index == 0 ? 1 : 0;
    }
    assertTrue(heavy > 40 && heavy < 60, heavy + " of 80 are of the picture of weight 5 of 8");
  }

  @Test
  void identityIsThatOfLatentsAndCaptions() {
    Examples examples = new CaptionedLatents(pictures, latents, false);
    assertTrue(examples.identity().startsWith("4 latents of 2x2x4 with 8 captions, SHA-256 "));
    assertTrue(examples.identity().contains(latents.sha256()));
    assertTrue(examples.identity().endsWith(pictures.sha256()));
  }
}
