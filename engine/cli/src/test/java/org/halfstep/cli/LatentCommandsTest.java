package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.files.FileDigest;
import org.halfstep.image.ImageFile;
import org.halfstep.image.PngFile;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pictures of texts, as a person asks for them. */
class LatentCommandsTest {
  private static final int SIDE = 64;

  @TempDir private static Path folder;
  private static Path model;

  @BeforeAll
  static void write() throws IOException {
    succeeds("convert", "--tiny", folder.resolve("tiny"));
    model = tiny("diffusers");
    picture("house.png", (x, y) -> 0xff0000 | 3 * x << 8 | 2 * y);
    picture("mask.png", (x, y) -> x < SIDE / 2 ? 0 : 0xffffff);
  }

  private static Path tiny(String layout) {
    return folder.resolve("tiny").resolve(layout);
  }

  private interface Colour {
    int at(int x, int y);
  }

  private static void picture(String name, Colour colour) throws IOException {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        image.setRGB(x, y, colour.at(x, y));
      }
    }
    PngFile.write(folder.resolve(name), image, Map.of());
  }

  private static float[] pixels(Path file) throws IOException {
    return ImageFile.read(file, 3).values();
  }

  /** The words of a command as a shell splits them. */
  private static List<Object> words(String command) {
    List<Object> words = new ArrayList<>();
    Matcher parts = Pattern.compile("'((?:[^']|'\\\\'')*)'|(\\S+)").matcher(command);
    while (parts.find()) {
      words.add(parts.group(1) == null ? parts.group(2) : parts.group(1).replace("'\\''", "'"));
    }
    return words.subList(1, words.size());
  }

  /** What stands in a picture makes the same picture again. */
  private static void requireMadeAgain(Path made) throws IOException {
    String command = PngFile.text(made).get("Command");
    boolean isSingle = made.getFileName().toString().startsWith("seed-");
    Path again = made.resolveSibling("again");
    Path file = isSingle ? again.resolve(made.getFileName()) : again.resolve("grid.png");
    List<Object> words = new ArrayList<>(words(command));
    words.addAll(isSingle ? List.of("--out", again) : List.of("--grid", file));
    succeeds(words.toArray());
    assertArrayEquals(pixels(made), pixels(file), command);
  }

  @Test
  void aPromptBecomesAPictureThatSaysHowItWasMade() throws IOException {
    Path out = folder.resolve("foxes");
    String said =
        succeeds(
            "sample",
            "--model",
            model,
            "--prompt",
            "a fox's house",
            "--negative",
            "a red cat",
            "--count",
            2,
            "--seed",
            7,
            "--steps",
            3,
            "--sampler",
            "dpm_solver",
            "--spacing",
            "karras",
            "--guidance",
            "2.5",
            "--out",
            out);
    assertTrue(said.contains("2 images of 64x64, 3 dpm_solver steps"), said);
    for (String part : List.of("text encoder: ", "UNet: ", "first stage, decoding: ")) {
      assertTrue(said.contains(part), said);
    }
    assertTrue(said.contains("the first step began "), said);
    Path second = out.resolve("seed-7-image-1.png");
    Map<String, String> text = PngFile.text(second);
    assertEquals("a fox's house", text.get("Prompt"));
    assertEquals("a red cat", text.get("Negative prompt"));
    assertEquals("64x64", text.get("Size"));
    assertEquals("w = 2.5 (guidance scale 3.5)", text.get("Guidance"));
    assertEquals(
        FileDigest.sha256(model.resolve("unet/diffusion_pytorch_model.safetensors")),
        text.get("Model SHA-256"));
    requireMadeAgain(second);
    assertFalse(Arrays.equals(pixels(second), pixels(out.resolve("seed-7-image-0.png"))));
  }

  @Test
  void anotherProgramsNoiseAndSizesAreTaken() throws IOException {
    Path grid = folder.resolve("wide.png");
    succeeds(
        "sample",
        "--model",
        model,
        "--prompt",
        "a fox",
        "--prompt",
        "a cat",
        "--size",
        "96x64",
        "--noise",
        "numpy_torch",
        "--sampler",
        "dpm_solver",
        "--end",
        "first_level",
        "--steps",
        2,
        "--grid",
        grid);
    ImageFile.Pixels read = ImageFile.read(grid, 3);
    assertTrue(read.width() >= 2 * 96 && read.height() < 2 * 96, read.width() + "");
    requireMadeAgain(grid);
  }

  /** How it was computed changes last bits, and stands in the line that makes a picture again. */
  @Test
  void howAPictureWasComputedIsSaid() throws IOException {
    Path rounded = folder.resolve("rounded.png");
    succeeds(
        "sample",
        "--model",
        model,
        "--prompt",
        "a fox",
        "--steps",
        2,
        "--precision",
        "bf16",
        "--memory",
        "1.5M",
        "--conv",
        "direct",
        "--grid",
        rounded);
    String command = PngFile.text(rounded).get("Command");
    assertTrue(command.endsWith(" --conv direct --memory 1.5M --precision bf16"), command);
    requireMadeAgain(rounded);
  }

  @Test
  void singleFilesTakeATokenizer() throws IOException {
    Path one = folder.resolve("one.png");
    Path other = folder.resolve("other.png");
    succeeds("sample", "--model", model, "--prompt", "a fox", "--steps", 2, "--grid", one);
    succeeds(
        "sample",
        "--model",
        tiny("tiny.ckpt"),
        "--tokenizer",
        model.resolve("tokenizer"),
        "--prompt",
        "a fox",
        "--steps",
        2,
        "--tiles",
        "--grid",
        other);
    assertArrayEquals(pixels(one), pixels(other));
    requireMadeAgain(other);
  }

  @Test
  void editBeginsWithAPicture() throws IOException {
    Path snow = folder.resolve("snow.png");
    Path house = folder.resolve("house.png");
    String said =
        succeeds(
            "edit",
            "--model",
            model,
            "--image",
            house,
            "--prompt",
            "a house in the snow",
            "--strength",
            "0.5",
            "--steps",
            6,
            "--seed",
            3,
            "--grid",
            snow);
    assertTrue(said.contains("at strength 0.5"), said);
    assertTrue(said.contains("6 network evaluations per image"), said);
    Map<String, String> text = PngFile.text(snow);
    assertEquals("0.5", text.get("Strength"));
    assertEquals(FileDigest.sha256(house), text.get("image SHA-256"));
    requireMadeAgain(snow);
  }

  /** The picture beside its result, a strip of strengths, and a picture taken back to its noise. */
  @Test
  void editsAreShownBesideWhatTheyBeganWith() throws IOException {
    Path house = folder.resolve("house.png");
    Path made = folder.resolve("made.png");
    Path beside = folder.resolve("beside.png");
    Path strip = folder.resolve("strip.png");
    String said =
        succeeds(
            "edit",
            "--model",
            model,
            "--image",
            house,
            "--source",
            "a house",
            "--prompt",
            "a castle",
            "--steps",
            4,
            "--guidance",
            1,
            "--count",
            2,
            "--grid",
            made,
            "--beside",
            beside,
            "--strip",
            strip);
    assertTrue(said.contains("at strength 1.0 (4 of 4 steps from level 751, sigma 0.9"), said);
    assertTrue(said.contains("12 network evaluations per image"), said);
    assertEquals("4 of 4 steps from level 751, sigma 0.972", PngFile.text(made).get("Beginning"));
    requireMadeAgain(made);
    ImageFile.Pixels rows = ImageFile.read(beside, 3);
    assertEquals(2 * SIDE + 6, rows.width());
    assertEquals(2 * SIDE + 6, rows.height());
    float[] own = pixels(house);
    for (int i = 0; i < own.length; i++) {
      int row = i / 3 / SIDE;
      int column = i / 3 % SIDE;
      assertEquals(own[i], rows.values()[((row + 2) * rows.width() + column + 2) * 3 + i % 3]);
    }
    ImageFile.Pixels strengths = ImageFile.read(strip, 3);
    assertEquals(5 * SIDE + 12, strengths.width());
    assertEquals("0, then k / 4", PngFile.text(strip).get("Strengths"));
    assertTrue(PngFile.text(strip).get("Command").contains(" --source 'a house' --strip "));
    // The last of the strip is the first result: both have strength 1.
    ImageFile.Pixels results = ImageFile.read(made, 3);
    int lastColumn = strengths.width() - SIDE - 2;
    for (int x = 0; x < 3 * SIDE; x++) {
      assertEquals(
          results.values()[2 * results.width() * 3 + 6 + x],
          strengths.values()[2 * strengths.width() * 3 + 3 * lastColumn + x]);
    }
  }

  @Test
  void inpaintLeavesWhatIsBlackInTheMask() throws IOException {
    Path house = folder.resolve("house.png");
    float[] own = pixels(house);
    for (String layout : List.of("diffusers", "inpainting")) {
      Path out = folder.resolve("painted-" + layout);
      Path made = out.resolve("seed-0-image-0.png");
      String said =
          succeeds(
              "inpaint",
              "--model",
              tiny(layout),
              "--image",
              house,
              "--mask",
              folder.resolve("mask.png"),
              "--prompt",
              "a cat",
              "--steps",
              3,
              "--out",
              out);
      assertEquals(layout.equals("diffusers"), said.contains("seams"), said);
      float[] got = pixels(made);
      assertEquals(own.length, got.length);
      double painted = 0;
      for (int i = 0; i < got.length; i++) {
        if (i / 3 % SIDE < SIDE / 2) {
          assertEquals(own[i], got[i], "pixel " + i / 3);
        } else {
          painted += Math.abs(own[i] - got[i]);
        }
      }
      assertTrue(painted > got.length, "mean change " + painted / got.length);
      requireMadeAgain(made);
    }
  }

  @Test
  void infoSaysWhatALatentModelIs() {
    String said = succeeds("info", "--model", tiny("lcm"));
    assertTrue(said.contains("latent"), said);
    assertTrue(said.contains("pictures of texts"), said);
    assertTrue(said.contains("1000 levels of scaled linear betas from 8.5E-4 to 0.012"), said);
    assertTrue(said.contains("4 consistency steps unless asked otherwise"), said);
  }

  @Test
  void whatDoesNotGoTogetherIsRefused() throws IOException {
    Path pixels = TinyModels.teacher(folder.resolve("teacher.safetensors"));
    assertTrue(refused("sample", "--model", model).contains("--prompt TEXT"));
    assertTrue(
        refused("sample", "--model", model, "--prompt", "a", "--labels", "1")
            .contains("no labels"));
    assertTrue(refused("sample", "--model", pixels, "--prompt", "a").contains("model of pixels"));
    assertTrue(
        refused("sample", "--model", model, "--prompt", "a", "--size", "64").contains("512x768"));
    assertTrue(
        refused("sample", "--model", model, "--prompt", "a", "--size", "60x64").contains("use 64"));
    assertTrue(
        refused("sample", "--model", model, "--prompt", "a", "--lora", "none.safetensors:x")
            .contains("FILE:SCALE"));
    assertTrue(
        refused("edit", "--model", pixels, "--image", folder.resolve("house.png"))
            .contains("latent models"));
    assertTrue(
        refused(
                "edit",
                "--model",
                model,
                "--image",
                folder.resolve("house.png"),
                "--prompt",
                "a",
                "--strength",
                "0.01")
            .contains("smallest one is"));
  }
}
