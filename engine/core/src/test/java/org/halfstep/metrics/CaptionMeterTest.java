package org.halfstep.metrics;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.halfstep.checkpoint.ClipCheckpoint;
import org.halfstep.checkpoint.TinyClip;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.ClipModel;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images with captions, by a tiny CLIP in a folder. */
class CaptionMeterTest {
  private static final List<String> CAPTIONS =
      List.of("a photo of a cat", "the red house", "a small dog on the sea");

  @TempDir private static Path shared;
  private static Path clip;

  @TempDir private Path folder;

  @BeforeAll
  static void write() throws IOException {
    clip = TinyClip.write(shared.resolve("clip"));
  }

  private static ImageBatch images(int count) {
    byte[] pixels = new byte[count * 40 * 50 * 3];
    new Random(4).nextBytes(pixels);
    return new ImageBatch(count, 40, 50, 3, pixels);
  }

  @Test
  void imageKIsComparedWithCaptionK() throws IOException {
    try (Device device = new CpuDevice();
        ClipModel model = ClipModel.open(device, clip)) {
      ImageBatch images = images(3);
      double[] cosines = new double[3];
      for (int i = 0; i < 3; i++) {
        cosines[i] = ClipScore.cosine(model.image(images, i), model.text(CAPTIONS.get(i)));
        assertTrue(Math.abs(cosines[i]) < 1);
      }
      assertNotEquals(cosines[0], cosines[1]);
      // However they come.
      CaptionMeter meter = new CaptionMeter(model, CAPTIONS);
      meter.add(images.first(1));
      assertEquals(ClipScore.of(cosines[0]), meter.score());
      byte[] rest = new byte[2 * 40 * 50 * 3];
      System.arraycopy(images.pixels(), rest.length / 2, rest, 0, rest.length);
      meter.add(new ImageBatch(2, 40, 50, 3, rest));
      assertEquals(ClipScore.of(cosines), meter.score());
      assertThrows(IllegalArgumentException.class, () -> meter.add(images.first(1)));
    }
  }

  @Test
  void aTextIsTheVectorOfItsFirstEndToken() throws IOException {
    try (Device device = new CpuDevice();
        ClipModel model = ClipModel.open(device, clip)) {
      assertEquals(32, model.embedding());
      assertEquals("ViT-64/8", model.name());
      assertArrayEquals(model.text(""), model.text("<|endoftext|> a cat"));
      assertFalse(model.cuts(CAPTIONS.getFirst()));
      assertTrue(model.cuts("cat ".repeat(76)));
      assertEquals(1, ClipScore.cosine(model.text("a cat"), model.text("A  CAT")), 1e-12);
    }
  }

  @Test
  void scoresAreOfCosines() {
    ClipScore score = ClipScore.of(.5, -.25, .125);
    assertEquals(12.5, score.score(), 1e-12);
    assertEquals(100 * .625 / 3, score.clampedByPair(), 1e-12);
    assertEquals(2.5 * .625 / 3, score.clipS(), 1e-12);
    assertEquals(0, ClipScore.of(-.5).score());
    assertThrows(IllegalArgumentException.class, ClipScore::of);
    double[] zero = new double[2];
    assertThrows(IllegalArgumentException.class, () -> ClipScore.cosine(zero, 1, 2));
    assertThrows(IllegalArgumentException.class, () -> ClipScore.cosine(zero, 1));
  }

  private Path changed(String file, String from, String to) throws IOException {
    Path copy = Files.createDirectory(folder.resolve("copy" + Math.abs(to.hashCode())));
    try (var entries = Files.list(clip)) {
      for (Path entry : entries.toList()) {
        Files.copy(entry, copy.resolve(entry.getFileName()));
      }
    }
    String text = Files.readString(copy.resolve(file));
    assertTrue(text.contains(from), text);
    Files.writeString(copy.resolve(file), text.replace(from, to));
    return copy;
  }

  private static String refusal(Path folder) {
    String line =
        assertThrows(DataException.class, () -> ClipCheckpoint.open(folder).close()).getMessage();
    assertEquals(1, line.lines().count(), line);
    return line;
  }

  @Test
  void foldersThatAreNoClipAreRefusedInALine() throws IOException {
    String config = "config.json";
    assertTrue(
        refusal(changed(config, "\"clip\"", "\"clip_text_model\""))
            .contains("expected the folder of a whole CLIP"));
    assertTrue(
        refusal(changed(config, "vision_config", "version_config"))
            .contains("vision_config: is missing"));
    assertTrue(
        refusal(changed(config, "\"patch_size\" : 8", "\"patch_size\" : 7"))
            .contains("do not split into patches of side 7"));
    assertTrue(
        refusal(changed(config, "\"vocab_size\" : ", "\"vocab_size\" : 4, \"old\" : "))
            .contains("they belong to different models"));
    assertTrue(
        refusal(changed(config, "\"num_hidden_layers\" : 2", "\"num_hidden_layers\" : 1"))
            .contains("belong to none of the networks"));
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertTrue(refusal(empty).contains("has no weights"));
  }
}
