package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.ClipCheckpoint;
import org.halfstep.checkpoint.ClipImageDescription;
import org.halfstep.checkpoint.ClipPictures;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.TinyClip;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.graph.GradientCheck;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * CLIP's image encoder with hashed weights, whose outputs are known (src/test/reference/
 * clip_image.py), and what it reads.
 */
class ClipImageTest {
  @TempDir private static Path folder;

  private static final ComponentCard CARD = new ComponentCard("image encoder", Map.of());
  private static final int SIDE = 12;
  private static final int EMBEDDING = 10;

  private static ClipImageDescription image(boolean isQuick) {
    return new ClipImageDescription(SIDE, 4, 24, 40, 2, 3, isQuick);
  }

  private static float[] embeddings(boolean isQuick) throws IOException {
    ClipImageConfig config = new ClipImageConfig(image(isQuick), EMBEDDING);
    Map<String, long[]> shapes = new LinkedHashMap<>(config.network().shapes());
    shapes.put("visual_projection.weight", new long[] {EMBEDDING, 24});
    int batch = 2;
    try (Device device = new CpuDevice();
        Network<ClipImageConfig, ComponentCard> network =
            Network.open(
                device,
                config,
                CARD,
                new HashedTensors(shapes),
                TensorNames.OWN,
                Network.DEFAULT_MEMORY);
        Plan plan =
            Plan.inference(
                device, network.graph(), PlanOptions.inference(batch), network.values())) {
      ClipImagePorts ports = config.ports(plan.graph());
      float[] pixels = new float[batch * SIDE * SIDE * 3];
      for (int i = 0; i < pixels.length; i++) {
        pixels[i] = (float) HashedTensors.hash("image", i);
      }
      DeviceArrays.write(device, plan.address(ports.x()), pixels);
      plan.prepare();
      plan.forward();
      return DeviceArrays.read(device, plan.address(ports.out()), batch * EMBEDDING);
    }
  }

  @Test
  void embeddingsAreTheKnownOnes() throws IOException {
    float[] quick = {
      .9583971f, .7459458f, -.1508077f, .2152749f, -.6046062f,
      -.9409226f, -2.5480028f, .9086672f, -.8145717f, .7973036f,
      .9446138f, -.0335818f, .9702625f, -.3397308f, -.4602105f,
      -.1971401f, -2.0809182f, 1.3791915f, -.9348676f, .5885473f
    };
    assertArrayEquals(quick, embeddings(true), 1e-5f);
    float[] exact = {
      .9532559f, .7432895f, -.1472971f, .2171295f, -.6056559f,
      -.9415524f, -2.5471276f, .9101481f, -.8218819f, .7937959f
    };
    float[] got = embeddings(false);
    assertArrayEquals(exact, Arrays.copyOf(got, EMBEDDING), 1e-5f);
  }

  @Test
  void gradientsAreThoseOfDifferences() {
    // A second image's token would be 1, and there is one that stands for the whole.
    GradientCheck.of(new ClipImageConfig(image(true), EMBEDDING).graph(), 1, 2);
  }

  @Test
  void aFileOfOursSaysIt() {
    ClipImageConfig config = new ClipImageConfig(image(true), EMBEDDING);
    assertEquals(config, ClipImageConfig.fromJson(config.toJson()));
    assertEquals(config.leastTensors(), config.graph().parameters().size());
    assertThrows(IllegalArgumentException.class, () -> ClipImageConfig.fromJson("{}"));
    assertThrows(
        IllegalArgumentException.class, () -> new ClipImageDescription(13, 4, 24, 40, 2, 3, false));
  }

  @Test
  void pixelsAreTheMiddleSquareLessItsMean() {
    // Twice as wide as high, and twice the side: the middle half of the columns is read.
    int side = 4;
    byte[] pixels = new byte[8 * 16 * 3];
    for (int y = 0; y < 8; y++) {
      for (int x = 0; x < 16; x++) {
        for (int c = 0; c < 3; c++) {
          boolean middle = x >= 1 && x < 15;
          pixels[(y * 16 + x) * 3 + c] = (byte) (middle ? 60 * (c + 1) : 255);
        }
      }
    }
    float[] got = new float[side * side * 3];
    ImageBatch images = new ImageBatch(1, 8, 16, 3, pixels);
    ClipPixels.write(images, 0, ClipPictures.standard(side), MemorySegment.ofArray(got), 0);
    float[] expected = {
      (60 / 255f - .48145466f) / .26862954f,
      (120 / 255f - .4578275f) / .26130258f,
      (180 / 255f - .40821073f) / .27577711f
    };
    for (int i = 0; i < got.length; i++) {
      assertEquals(expected[i % 3], got[i], 1e-5f);
    }
  }

  @Test
  void greyImagesAreRead() {
    byte[] pixels = new byte[2 * 6 * 4];
    Arrays.fill(pixels, 24, 48, (byte) 128);
    float[] got = new float[2 * 2 * 3 + 1];
    ImageBatch images = new ImageBatch(2, 6, 4, 1, pixels);
    ClipPixels.write(images, 1, ClipPictures.standard(2), MemorySegment.ofArray(got), Float.BYTES);
    assertEquals(0, got[0]);
    assertEquals((128 / 255f - .48145466f) / .26862954f, got[1], 1e-6f);
    assertEquals((128 / 255f - .4578275f) / .26130258f, got[2], 1e-6f);
    assertTrue(got[12] != 0);
  }

  /** A larger size cuts a smaller part out; mean and deviation are the file's. */
  @Test
  void picturesAreMadeAsTheFolderSays() throws IOException {
    Path clip = TinyClip.write(folder.resolve("clip"));
    Path file = clip.resolve("preprocessor_config.json");
    Files.writeString(
        file,
        """
        {"crop_size": {"height": 32, "width": 32}, "size": {"shortest_edge": 64}, "resample": 3,
         "do_center_crop": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.25]}
        """);
    try (ClipCheckpoint opened = ClipCheckpoint.open(clip)) {
      byte[] pixels = new byte[64 * 64 * 3];
      for (int i = 0; i < pixels.length; i++) {
        boolean middle = i / 3 % 64 >= 16 && i / 3 % 64 < 48 && i / 192 >= 16 && i / 192 < 48;
        pixels[i] = (byte) (middle ? 255 : 0);
      }
      float[] got = new float[32 * 32 * 3];
      ImageBatch images = new ImageBatch(1, 64, 64, 3, pixels);
      ClipPixels.write(images, 0, opened.pictures(), MemorySegment.ofArray(got), 0);
      for (int i = 0; i < got.length; i++) {
        assertEquals(i % 3 == 2 ? 2 : 1, got[i], 1e-6f);
      }
    }
    for (String other :
        List.of(
            "\"resample\": 2",
            "\"crop_size\": 224",
            "\"size\": {\"height\": 32, \"width\": 32}",
            "\"size\": 16",
            "\"do_normalize\": false",
            "\"image_std\": [0, 1, 1]")) {
      Files.writeString(file, "{" + other + "}");
      DataException refused =
          assertThrows(DataException.class, () -> ClipCheckpoint.open(clip).close());
      String key = other.substring(1, other.indexOf('"', 1));
      assertTrue(refused.getMessage().contains(key), refused.getMessage());
    }
  }
}
