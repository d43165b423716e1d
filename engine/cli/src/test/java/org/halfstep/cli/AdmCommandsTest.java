package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.halfstep.checkpoint.AdmTensors;
import org.halfstep.image.PngFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From a published pixel network's file to students of it, as a person types it. */
class AdmCommandsTest {
  private static final int CLASSES = 5;
  private static final int SIDE = 8;

  @TempDir private static Path folder;
  private static Path converted;
  private static Path data;

  @BeforeAll
  static void convert() throws IOException {
    Path published = AdmTensors.tiny(folder.resolve("64x64_diffusion.pt"));
    Path flags = Files.writeString(folder.resolve("flags.json"), AdmTensors.FLAGS);
    converted = folder.resolve("adm.safetensors");
    assertTrue(
        refused("convert", "--model", published, "--out", converted)
            .contains("is none of the published networks"));
    String said = succeeds("convert", "--model", published, "--config", flags, "--out", converted);
    assertTrue(said.contains("was never without a class"), said);
    data = folder.resolve("data");
    Random random = new Random(1);
    for (int i = 0; i < 2 * CLASSES; i++) {
      BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
      for (int pixel = 0; pixel < SIDE * SIDE; pixel++) {
        image.setRGB(pixel % SIDE, pixel / SIDE, random.nextInt());
      }
      Path place = data.resolve("class" + i % CLASSES);
      Files.createDirectories(place);
      PngFile.write(place.resolve(i + ".png"), image, Map.of());
    }
  }

  @Test
  void itIsSampledWithoutGuidanceOnly() throws IOException {
    Path grid = folder.resolve("grid.png");
    succeeds(
        "sample",
        "--model",
        converted,
        "--labels",
        "0,4",
        "--guidance",
        0,
        "--steps",
        2,
        "--grid",
        grid);
    assertTrue(Files.size(grid) > 0);
    String guided =
        refused("sample", "--model", converted, "--labels", "0", "--guidance", 1, "--steps", 2);
    assertTrue(guided.contains("no null label and cannot be guided; use guidance 0"), guided);
    String labels = refused("sample", "--model", converted, "--labels", "5", "--steps", 2);
    assertTrue(labels.contains("5"), labels);
    assertTrue(succeeds("info", "--model", converted).contains("predicts eps"));
  }

  @Test
  void itBecomesATeacherThatCanBeDistilled() throws IOException {
    Path out = folder.resolve("students");
    String early =
        refused(
            "distill", "--preset", "tiny", "--data", data, "--teacher", converted, "--out", out);
    assertTrue(early.contains("has no null label"), early);
    Path teacher = folder.resolve("teacher");
    succeeds(
        "train",
        "--preset",
        "tiny",
        "--data",
        data,
        "--from",
        converted,
        "--updates",
        2,
        "--batch",
        2,
        "--out",
        teacher);
    Path file = teacher.resolve("teacher.safetensors");
    assertTrue(succeeds("info", "--model", file).contains("predicts v"));
    succeeds(
        "sample",
        "--model",
        file,
        "--labels",
        "class1",
        "--guidance",
        1,
        "--steps",
        2,
        "--grid",
        folder.resolve("guided.png"));
    succeeds(
        "distill",
        "--preset",
        "tiny",
        "--data",
        data,
        "--teacher",
        file,
        "--updates",
        1,
        "--batch",
        2,
        "--steps",
        2,
        "--out",
        out);
    assertEquals(
        2,
        Files.readAllLines(out.resolve("losses.csv")).stream()
            .map(line -> line.split(",")[0])
            .filter(phase -> phase.startsWith("stage "))
            .distinct()
            .count());
  }
}
