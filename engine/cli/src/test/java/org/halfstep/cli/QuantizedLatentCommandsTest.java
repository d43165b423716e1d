package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.files.FileDigest;
import org.halfstep.image.ImageFile;
import org.halfstep.image.PngFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A latent model brought to int8 by the command, and then used like any other. */
class QuantizedLatentCommandsTest {
  private static final String WEIGHTS = "unet/diffusion_pytorch_model.int8.safetensors";
  private static final int SIDE = 64;

  /**
   * Of hashed weights and two steps without guidance, in steps of 8-bit pixels: a tenth of what
   * pictures vary.
   */
  private static final double MOST_DIFFERENCE = 6;

  @TempDir private static Path folder;
  private static Path model;
  private static Path int8;
  private static String said;

  @BeforeAll
  static void quantize() throws IOException {
    succeeds("convert", "--tiny", folder.resolve("tiny"));
    model = tiny("diffusers");
    int8 = folder.resolve("int8");
    said = succeeds("quantize", "--model", model, "--images", 4, "--out", int8);
  }

  private static Path tiny(String layout) {
    return folder.resolve("tiny").resolve(layout);
  }

  private static Path picture(String name, int shade) throws IOException {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < SIDE * SIDE; i++) {
      image.setRGB(i % SIDE, i / SIDE, i % SIDE < SIDE / 2 ? 0 : shade);
    }
    Path file = folder.resolve(name);
    PngFile.write(file, image, Map.of());
    return file;
  }

  /** The picture that a command makes of a model. */
  private static float[] made(Path of, Object... command) throws IOException {
    Path grid = folder.resolve("grid-" + of.getFileName() + ".png");
    List<Object> words = new ArrayList<>(List.of(command));
    words.addAll(List.of("--model", of, "--prompt", "a fox", "--guidance", 0));
    words.addAll(List.of("--steps", 2, "--grid", grid));
    succeeds(words.toArray());
    return ImageFile.read(grid, 3).values();
  }

  /** Both models make nearly the same picture, and not the same one. */
  private static void requireAlike(Path exact, Path bytes, Object... command) throws IOException {
    float[] want = made(exact, command);
    float[] got = made(bytes, command);
    double squares = 0;
    for (int i = 0; i < want.length; i++) {
      squares += Math.pow(got[i] - want[i], 2);
    }
    double difference = Math.sqrt(squares / want.length);
    assertTrue(difference > 0, "int8 was not used by " + List.of(command));
    assertTrue(difference < MOST_DIFFERENCE, command[0] + ": " + difference);
  }

  @Test
  void theFolderHoldsBytesAndTheOtherPartsAsTheyWere() throws IOException {
    assertTrue(said.contains("4 images of 64x64, made in 8 "), said);
    assertTrue(said.contains("layers of the UNet in int8, measured on 32 evaluations"), said);
    for (String part : List.of("vae/diffusion_pytorch_model", "text_encoder/model")) {
      assertEquals(
          FileDigest.sha256(model.resolve(part + ".safetensors")),
          FileDigest.sha256(int8.resolve(part + ".safetensors")));
    }
    assertFalse(Files.exists(int8.resolve("unet/diffusion_pytorch_model.safetensors")));
    long bytes = Files.size(int8.resolve(WEIGHTS));
    long floats = Files.size(model.resolve("unet/diffusion_pytorch_model.safetensors"));
    assertTrue(bytes < 0.45 * floats, bytes + " of " + floats);
  }

  @Test
  void everyCommandTakesIt() throws IOException {
    requireAlike(model, int8, "sample");
    requireAlike(model, int8, "sample", "--size", "96x64", "--count", 3);
    Path house = picture("house.png", 0x80ff40);
    requireAlike(model, int8, "edit", "--image", house, "--strength", "0.5");
    Path mask = picture("mask.png", 0xffffff);
    requireAlike(model, int8, "inpaint", "--image", house, "--mask", mask);
    String info = succeeds("info", "--model", int8);
    assertTrue(info.contains("the first and the last; measured on 32 evaluations"), info);
    assertTrue(info.contains("4 images of its own pictures, seed 0"), info);
    String doctor = Commands.halfstep("doctor", int8).out();
    assertTrue(doctor.contains(" I8, "), doctor);
    assertTrue(doctor.contains("passed   UNet: guided with w = 0"), doctor);
  }

  /** Networks that see a mask, take w, or are asked for classes have further inputs. */
  @Test
  void networksOfOtherKindsAreMeasuredWithTheirInputs() throws IOException {
    Path painter = folder.resolve("painter");
    succeeds("quantize", "--model", tiny("inpainting"), "--images", 4, "--out", painter);
    Path house = picture("house.png", 0x80ff40);
    Path mask = picture("mask.png", 0xffffff);
    requireAlike(tiny("inpainting"), painter, "inpaint", "--image", house, "--mask", mask);
    Path consistent = folder.resolve("consistent");
    succeeds(
        "quantize",
        "--model",
        tiny("lcm"),
        "--images",
        2,
        "--prompt",
        "a cat",
        "--out",
        consistent);
    requireAlike(tiny("lcm"), consistent, "sample");
  }

  @Test
  void picturesCanBeGiven() throws IOException {
    Path data = Files.createDirectories(folder.resolve("pictures"));
    for (int i = 0; i < 3; i++) {
      Files.move(picture("p" + i + ".png", 0x204080 * (i + 1)), data.resolve("p" + i + ".png"));
    }
    Path given = folder.resolve("given");
    String line =
        succeeds("quantize", "--model", model, "--data", data, "--images", 3, "--out", given);
    assertTrue(line.contains("3 images of 64x64 of pictures"), line);
    requireAlike(model, given, "sample");
    assertTrue(
        refused(
                "quantize",
                "--model",
                model,
                "--data",
                data,
                "--images",
                4,
                "--out",
                folder.resolve("none"))
            .contains("fewer than the 4"));
  }

  @Test
  void theSameSeedGivesTheSameFile() throws IOException {
    Path again = folder.resolve("again");
    succeeds("quantize", "--model", model, "--images", 4, "--out", again);
    assertEquals(
        FileDigest.sha256(int8.resolve(WEIGHTS)), FileDigest.sha256(again.resolve(WEIGHTS)));
  }

  @Test
  void whatBytesCannotDoIsRefused() {
    Path out = folder.resolve("none");
    assertTrue(refused("quantize", "--model", int8, "--out", out).contains("int8 already"));
    assertTrue(refused("convert", "--model", int8, "--out", out).contains("int8 UNet"));
    assertTrue(
        refused("convert", "--model", int8, "--out", out + ".safetensors").contains("int8 UNet"));
    assertTrue(
        refused("quantize", "--model", model, "--out", out + ".safetensors").contains("a folder"));
    assertTrue(
        refused("quantize", "--model", "fashion-mnist-4", "--prompt", "a", "--out", out)
            .contains("no prompts"));
  }
}
