package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.BundledFile;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tiny models of texts as an engine bundles them: one first stage and one text encoder for all;
 * what they show in a demonstration, and a whole report of them.
 */
class BundledPicturesTest {
  private static final int SIDE = 64;

  /** Of each split: what metrics need at least. */
  private static final int PICTURES = 20;

  @TempDir private static Path folder;
  private static Path models;

  @BeforeAll
  static void distillAndBundle() throws IOException {
    succeeds("convert", "--tiny", folder.resolve("tiny"));
    Path data = Files.createDirectory(folder.resolve("data"));
    StringBuilder table = new StringBuilder("file\tcaption\tsplit\n");
    for (int i = 0; i < 2 * PICTURES; i++) {
      BufferedImage picture = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
      for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
          picture.setRGB(x, y, 0x0a1420 * (i + 1) + 4 * x * (y % 3));
        }
      }
      ImageIO.write(picture, "png", data.resolve(i + ".png").toFile());
      String split = i % 2 == 0 ? "train" : "held-out-pair";
      table.append(i).append(".png\ta photo of fox ").append(i).append('\t').append(split);
      table.append('\n');
    }
    Files.writeString(data.resolve("captions.tsv"), table);
    distill("diffusers", "2,1", "students");
    distill("inpainting", "2", "painters");
    models = folder.resolve("models");
    System.setProperty(BundledFile.PLACE, models.toString());
    String out = bundle(models, "student-2", "student-1");
    assertTrue(out.contains("pictures-inpainting-2.safetensors"), out);
  }

  @AfterAll
  static void noLongerBundled() {
    System.clearProperty(BundledFile.PLACE);
  }

  private static void distill(String teacher, String stages, String out) {
    succeeds(
        "distill",
        "--threads=1",
        "--teacher=" + folder.resolve("tiny").resolve(teacher),
        "--data=" + folder.resolve("data"),
        "--preset=tiny",
        "--guidance-range=0,8",
        "--stages=" + stages,
        "--out=" + folder.resolve(out));
  }

  private static Path student(String name) {
    return folder.resolve("students").resolve(name);
  }

  private static String bundle(Path to, String... students) {
    StringBuilder all = new StringBuilder();
    for (String name : students) {
      all.append(student(name)).append(',');
    }
    all.append(folder.resolve("painters").resolve("student-2"));
    return succeeds(
        "bundle", "--teacher=" + student("velocity"), "--students=" + all, "--out=" + to);
  }

  @Test
  void whatModelsShareIsThereOnce() throws IOException {
    assertEquals(
        List.of("pictures-teacher", "pictures-2", "pictures-1"),
        DiffusionModel.bundledLatentNames());
    long unet = Files.size(models.resolve("pictures-2.safetensors"));
    long whole = bytes(student("student-2"));
    long shared =
        Files.size(models.resolve("pictures-autoencoder.safetensors"))
            + Files.size(models.resolve("pictures-text.safetensors"));
    // In 16 bits in place of 32.
    assertTrue(2 * (unet + shared) < 1.05 * whole, unet + " and " + shared + " of " + whole);
    String info = succeeds("info", "--threads=1", "--model=pictures-2");
    assertTrue(info.contains("pictures-teacher, pictures-2, pictures-1"), info);
    assertTrue(info.contains("latent student of 2 steps"), info);
  }

  private static long bytes(Path path) throws IOException {
    try (Stream<Path> files = Files.walk(path)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  /** A bundled model is the folder that it came from, in bfloat16, and can be one again. */
  @Test
  void itDrawsWhatItsFolderDraws() throws IOException {
    Path half = folder.resolve("half");
    succeeds("convert", "--model=" + student("student-2"), "--dtype=bf16", "--out=" + half);
    Path again = folder.resolve("again");
    succeeds("convert", "--model=pictures-2", "--out=" + again);
    byte[] expected = pixels(half.toString());
    assertArrayEquals(expected, pixels("pictures-2"));
    assertArrayEquals(expected, pixels(again.toString()));
  }

  private static byte[] pixels(String model) throws IOException {
    Path out = Files.createTempDirectory(folder, "drawn");
    succeeds(
        "sample", "--threads=1", "--model=" + model, "--prompt=a photo of a fox", "--out=" + out);
    BufferedImage drawn = ImageIO.read(out.resolve("seed-0-image-0.png").toFile());
    int[] values = drawn.getRaster().getPixels(0, 0, SIDE, SIDE, (int[]) null);
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  @Test
  void whatIsOfAnotherTeacherIsRefused() {
    Path out = folder.resolve("none");
    String other =
        refused(
            "bundle",
            "--teacher=" + student("velocity"),
            "--students=" + folder.resolve("tiny").resolve("lcm"),
            "--out=" + out);
    assertTrue(other.contains("its UNet has no card"), other);
    String twice =
        refused(
            "bundle",
            "--teacher=" + student("velocity"),
            "--students=" + student("student-1") + "," + student("student-1"),
            "--out=" + out);
    assertTrue(twice.contains("is a second pictures-1"), twice);
    String role = refused("bundle", "--teacher=" + student("student-1"), "--out=" + out);
    assertTrue(role.contains("is no teacher"), role);
    assertFalse(Files.exists(out));
    assertTrue(
        refused("sample", "--model=pictures-8", "--prompt=x").contains("bundled are fashion"));
  }

  @Test
  void theDemonstrationShowsThem() throws IOException {
    Path out = Files.createDirectory(folder.resolve("demo"));
    StringWriter said = new StringWriter();
    try (Device device = new CpuDevice(1)) {
      ModelOptions options = ModelOptions.standard().withDevice(device);
      new PicturesDemo(options, 3, out, new PrintWriter(said)).run();
      // Without such models it says nothing.
      System.setProperty(BundledFile.PLACE, folder.resolve("empty").toString());
      StringWriter silent = new StringWriter();
      new PicturesDemo(options, 3, out, new PrintWriter(silent)).run();
      assertEquals("", silent.toString());
    } finally {
      System.setProperty(BundledFile.PLACE, models.toString());
    }
    String text = said.toString();
    assertTrue(text.contains("a row of each of pictures-2, pictures-1"), text);
    assertTrue(text.contains("at strengths k / 2"), text);
    assertTrue(text.contains("pictures-teacher  256") || text.contains("256"), text);
    assertTrue(Files.exists(out.resolve("pictures.png")));
    BufferedImage strip = ImageIO.read(out.resolve("pictures-edits.png").toFile());
    assertEquals(2 + 3 * (2 * SIDE + 2), strip.getWidth(), "the picture and two edits");
  }

  @Test
  void aReportMeasuresAllOfThem() throws IOException {
    Path scorer = folder.resolve("scorer");
    succeeds(
        "train-caption-scorer",
        "--preset=tiny",
        "--threads=1",
        "--updates=2",
        "--image-size=" + SIDE,
        "--data=" + folder.resolve("data"),
        "--text=" + student("velocity"),
        "--out=" + scorer);
    Path out = folder.resolve("report");
    Object[] command = {
      "report-pictures",
      "--threads=1",
      "--data=" + folder.resolve("data"),
      "--scorer=" + scorer,
      "--inpainting=" + folder.resolve("painters").resolve("student-2"),
      "--samples=24",
      "--teacher-samples=20",
      "--teacher-steps=3",
      "--sweep-steps=2",
      "--teacher-guidance=1",
      "--evaluations=2",
      "--guidance=0,1",
      "--seeds=0,1",
      "--edits=2",
      "--edit-steps=4",
      "--edit-guidance=1",
      "--strengths=0.5,1",
      "--nearest=20",
      "--out=" + out
    };
    succeeds(command);
    byte[] results = Files.readAllBytes(out.resolve("results.json"));
    checkResults(new ObjectMapper().readTree(results));
    String page = Files.readString(out.resolve("report.md"));
    for (String part :
        List.of(
            "## Targets",
            "pictures-2, w ",
            "## 20 pictures of each",
            "## 24 pictures of each",
            "dpm_solver",
            "held-out pictures",
            "## Editing",
            "## Inpainting",
            "## Nearest training pictures",
            "grid-pictures-2.png")) {
      assertTrue(page.contains(part), part + " is missing in:\n" + page);
    }
    for (String file :
        List.of(
            "fid-against-steps.png",
            "captions-against-fid.png",
            "edits-against-distance.png",
            "edits.png",
            "inpainting.png",
            "nearest-pictures-1.png",
            "naming.md")) {
      assertTrue(Files.exists(out.resolve(file)), file);
    }
    agreesWithEvaluate(out, scorer, new ObjectMapper().readTree(results));
    // What was measured is not measured again.
    succeeds(command);
    assertArrayEquals(results, Files.readAllBytes(out.resolve("results.json")));
    Files.delete(out.resolve("report.md"));
    succeeds("report-pictures", "--scorer=" + scorer, "--redraw", "--out=" + out);
    assertTrue(Files.readString(out.resolve("report.md")).contains("## Inpainting"));
  }

  /** Picture k is of caption k from noise k: what another command makes of the same captions. */
  private static void agreesWithEvaluate(Path report, Path scorer, JsonNode results)
      throws IOException {
    List<String> captions =
        Files.readAllLines(report.resolve("naming-answers.md")).stream()
            .filter(line -> line.matches("\\d+\\. .*"))
            .map(line -> line.substring(line.indexOf(' ') + 1))
            .toList();
    assertEquals(PICTURES, captions.size());
    Path json = folder.resolve("evaluated.json");
    succeeds(
        "evaluate",
        "--threads=1",
        "--model=pictures-2",
        "--guidance=1",
        "--seed=1",
        "--captions=" + Files.write(folder.resolve("captions.txt"), captions),
        "--scorer=" + scorer,
        "--reference=" + folder.resolve("data"),
        "--cache=" + folder.resolve("cache"),
        "--out=" + json);
    JsonNode evaluated = new ObjectMapper().readTree(json.toFile()).at("/results/0");
    for (JsonNode one : results.path("pictures")) {
      if (one.path("model").asText().equals("pictures-2")
          && one.path("guidance").asDouble() == 1
          && one.path("seed").asInt() == 1
          && one.path("samples").asInt() == PICTURES) {
        assertEquals(
            evaluated.path("captionCosine").asDouble(), one.path("captionCosine").asDouble(), 1e-9);
        assertEquals(
            evaluated.path("fid").asDouble(),
            one.at("/heldOut/fid").asDouble(),
            1e-6 * evaluated.path("fid").asDouble());
        assertEquals(evaluated.path("retrieval").asDouble(), one.path("retrieval").asDouble());
        return;
      }
    }
    throw new AssertionError("the report has no such row");
  }

  private static void checkResults(JsonNode results) {
    int students = 0;
    for (JsonNode one : results.path("pictures")) {
      students += one.path("model").asText().equals("pictures-1") ? 1 : 0;
      double cosine = one.path("captionCosine").asDouble(9);
      assertTrue(Math.abs(cosine) <= 1, one.toString());
      assertTrue(one.at("/training/fid").asDouble(-1) > 0 || one.path("samples").asInt() == 0);
    }
    assertEquals(2 * 2 * 2, students, "two strengths, two seeds, two numbers of pictures");
    int edits = 0;
    for (JsonNode one : results.path("edits")) {
      edits += one.path("masked").asBoolean() ? 0 : 1;
      assertTrue(one.path("inside").asDouble() > 0, one.toString());
      assertEquals(one.path("masked").asBoolean(), one.path("outside").isNumber());
    }
    // The student of one step begins with strength 1, and rint(1/2) is none.
    assertEquals(2 + 2 + 1, edits);
    JsonNode real = results.at("/pictures/0");
    assertEquals("held-out pictures", real.path("model").asText());
    // They are their own reference, and not that of what was learned from.
    assertEquals(0, real.at("/heldOut/fid").asDouble(), 1e-3 * real.at("/training/fid").asDouble());
    assertEquals(3, results.path("nearest").size());
    assertEquals(20, results.at("/nearest/0/samples").size());
  }
}
