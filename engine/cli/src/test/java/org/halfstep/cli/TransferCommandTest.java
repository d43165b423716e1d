package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.halfstep.cli.option.Settings;
import org.halfstep.image.PngFile;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code halfstep transfer} on tiny models of pixels and of latents. */
class TransferCommandTest {
  private static final int SIDE = 8;
  private static final int PICTURES = 3;

  @TempDir Path folder;
  private Path pictures;
  private Path encoder;
  private Path student;
  private Path teacher;

  @BeforeEach
  void write() throws IOException {
    pictures = Files.createDirectory(folder.resolve("pictures"));
    Random random = new Random(2);
    for (int i = 0; i < PICTURES; i++) {
      BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_BYTE_GRAY);
      for (int j = 0; j < SIDE * SIDE; j++) {
        image.getRaster().setSample(j % SIDE, j / SIDE, 0, random.nextInt(256));
      }
      PngFile.write(pictures.resolve("p" + i + ".png"), image, Map.of());
    }
    encoder = TinyModels.encoder(folder.resolve("encoder.safetensors"), 4);
    student = TinyModels.student(folder.resolve("student.safetensors"), 2);
    teacher = TinyModels.teacher(folder.resolve("teacher.safetensors"));
  }

  @Test
  void aFolderOfPicturesWithABaseline() throws IOException {
    Path out = folder.resolve("boots");
    Path grid = folder.resolve("grid.png");
    Path json = folder.resolve("numbers.json");
    String said =
        succeeds(
            "transfer",
            "--encoder",
            encoder,
            "--model",
            student,
            "--teacher",
            teacher,
            "--from",
            "Sneaker",
            "--to",
            "Snow boot",
            "--image",
            pictures,
            "--out",
            out,
            "--grid",
            grid,
            "--json",
            json,
            "--guidance",
            1);
    assertTrue(said.contains("Sneaker to Snow boot: 3 pictures, 4 and 2 steps, 6 network"), said);
    assertTrue(said.contains("DDIM both ways on " + teacher), said);
    for (int i = 0; i < PICTURES; i++) {
      Path one = out.resolve("p" + i + "-snow-boot.png");
      assertEquals("Snow boot", PngFile.text(one).get("To"));
      assertEquals(SIDE, ImageIO.read(one.toFile()).getWidth());
    }
    JsonNode numbers = Settings.JSON.readTree(json.toFile());
    assertTrue(
        numbers.at("/command").asText().contains(" --to 'Snow boot' --image "),
        "as a shell takes it: " + numbers.at("/command"));
    assertEquals(PICTURES, numbers.at("/pictures").asInt());
    assertEquals(4, numbers.at("/roundTrip/encoderSteps").asInt());
    assertEquals(2, numbers.at("/roundTrip/decoderSteps").asInt());
    assertEquals(6, numbers.at("/roundTrip/evaluations").asInt());
    // Two branches of the teacher on the way to the image, one on the way from it.
    assertEquals(4 + 2 * 2, numbers.at("/teacher/evaluations").asInt());
    assertEquals(0, numbers.at("/roundTrip/firstStageRmse").asDouble());
    // The numbers are those of the pictures in the grid: the first column and the second.
    BufferedImage shown = ImageIO.read(grid.toFile());
    int scale = 84 / SIDE;
    double squares = 0;
    for (int row = 0; row < PICTURES; row++) {
      for (int i = 0; i < SIDE * SIDE; i++) {
        int y = 2 + row * (SIDE * scale + 2) + i / SIDE * scale;
        int x = 2 + i % SIDE * scale;
        double a = shown.getRaster().getSample(x, y, 0);
        double b = shown.getRaster().getSample(x + SIDE * scale + 2, y, 0);
        squares += (a - b) * (a - b);
      }
    }
    double rmse = Math.sqrt(squares / (PICTURES * SIDE * SIDE));
    assertEquals(rmse, numbers.at("/roundTrip/rmse").asDouble(), 1e-9);
    assertTrue(said.contains(String.format(java.util.Locale.ROOT, "RMSE %.3f of 255", rmse)), said);
  }

  @Test
  void aTeacherBothWays() {
    Path grid = folder.resolve("one.png");
    String said =
        succeeds(
            "transfer",
            "--model",
            teacher,
            "--steps",
            3,
            "--from",
            "Coat",
            "--to",
            "Sneaker",
            "--image",
            pictures.resolve("p1.png"),
            "--grid",
            grid);
    assertTrue(said.contains("1 picture, 3 and 3 steps, 6 network evaluations each"), said);
    assertTrue(Files.exists(grid));
  }

  @Test
  void whatCannotBe() {
    Object[] plain = {"transfer", "--from", "Coat", "--to", "Sneaker", "--image", pictures};
    assertTrue(
        refused(with(plain, "--model", student))
            .contains("was distilled for steps towards pictures"));
    assertTrue(refused(with(plain, "--model", encoder)).contains("takes pictures to noise"));
    assertTrue(
        refused(with(plain, "--model", student, "--encoder", encoder, "--steps", 4))
            .contains("--steps: encoder and model were distilled for steps of their own"));
    assertTrue(
        refused(with(plain, "--model", teacher, "--teacher", student))
            .contains("the baseline is a teacher"));
    assertTrue(
        refused(with(plain, "--model", teacher, "--size", "16x16")).contains("for latent models"));
    assertTrue(
        refused(
                "transfer",
                "--model",
                teacher,
                "--from",
                "Hat",
                "--to",
                "Coat",
                "--image",
                pictures)
            .contains("Hat"));
    assertTrue(
        refused("sample", "--model", encoder, "--labels", "0", "--grid", folder.resolve("s.png"))
            .contains("use it with transfer"));
  }

  private static Object[] with(Object[] first, Object... more) {
    Object[] all = java.util.Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return all;
  }

  @Test
  void textsOfALatentModel() throws IOException {
    Path tiny = folder.resolve("tiny");
    succeeds("convert", "--tiny", tiny);
    Path json = folder.resolve("latent.json");
    String said =
        succeeds(
            "transfer",
            "--model",
            tiny.resolve("diffusers"),
            "--steps",
            2,
            "--size",
            "64x64",
            "--from",
            "a dog",
            "--to",
            "a cat",
            "--image",
            pictures.resolve("p0.png"),
            "--grid",
            folder.resolve("cat.png"),
            "--json",
            json);
    assertTrue(said.contains("the first stage alone: RMSE "), said);
    JsonNode numbers = Settings.JSON.readTree(json.toFile());
    assertTrue(numbers.at("/roundTrip/firstStagePsnr").asDouble() > 0);
    assertTrue(numbers.at("/roundTrip/latentRmse").asDouble() > 0);
    String edited =
        succeeds(
            "edit",
            "--model",
            tiny.resolve("diffusers"),
            "--steps",
            2,
            "--size",
            "64x64",
            "--source",
            "a dog",
            "--prompt",
            "a cat",
            "--round-trip",
            "--sampler",
            "ddim",
            "--image",
            pictures.resolve("p0.png"),
            "--grid",
            folder.resolve("edit.png"));
    assertTrue(edited.contains("round trip: RMSE "), edited);
    // The same way in both commands, where the file names the same sampler's times.
    String rmse = edited.substring(edited.indexOf("round trip: "));
    assertTrue(
        rmse.startsWith(
            String.format(
                java.util.Locale.ROOT,
                "round trip: RMSE %.3f of 255",
                numbers.at("/roundTrip/rmse").asDouble())),
        rmse + numbers);
  }
}
