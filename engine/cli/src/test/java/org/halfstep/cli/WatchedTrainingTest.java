package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.halfstep.image.PngFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is looked at of a training of pixels, as a person types it. */
class WatchedTrainingTest {
  private static final int SIDE = 8;
  private static final String[] TINY = {"--preset", "tiny", "--updates", "2", "--batch", "2"};

  @TempDir private static Path folder;
  private static Path data;

  @BeforeAll
  static void draw() throws IOException {
    data = folder.resolve("data");
    Random random = new Random(1);
    for (String split : List.of("train", "test")) {
      for (int i = 0; i < 6; i++) {
        BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
        for (int pixel = 0; pixel < SIDE * SIDE; pixel++) {
          image.setRGB(pixel % SIDE, pixel / SIDE, random.nextInt());
        }
        Path place = data.resolve(split).resolve("class" + i % 3);
        Files.createDirectories(place);
        PngFile.write(place.resolve(i + ".png"), image, Map.of());
      }
    }
  }

  private static Object[] command(Object... words) {
    Object[] all = new Object[words.length + TINY.length];
    System.arraycopy(words, 0, all, 0, words.length);
    System.arraycopy(TINY, 0, all, words.length, TINY.length);
    return all;
  }

  @Test
  void lossesSamplesAndAveragesLieInTheRunsFolder() throws IOException {
    Path run = folder.resolve("teacher");
    String said =
        succeeds(
            command(
                "train",
                "--data",
                data,
                "--out",
                run,
                "--held-out",
                4,
                "--samples",
                5,
                "--checkpoint-every",
                1,
                "--set",
                "teacher.run.optimizer.parts=2",
                "--set",
                "teacher.run.optimizer.averages=[0.5]",
                "--set",
                "teacher.schedule=SHIFTED_COSINE"));
    assertTrue(said.contains("teacher: held-out loss "), said);
    assertEquals(3, Files.readAllLines(run.resolve("held-out.csv")).size());
    BufferedImage samples = ImageIO.read(run.resolve("samples/teacher-00000002.png").toFile());
    assertEquals(2 + 3 * (SIDE + 2), samples.getWidth());
    Path average = run.resolve("averages/teacher-0.5.safetensors");
    assertTrue(succeeds("info", "--model", average).contains("log-SNR shifted by 4.159"));
    Path students = folder.resolve("students");
    succeeds(
        command(
            "distill",
            "--data",
            data,
            "--teacher",
            run.resolve("teacher.safetensors"),
            "--out",
            students,
            "--steps",
            2,
            "--held-out",
            4,
            "--samples",
            2));
    assertTrue(Files.exists(students.resolve("samples/stage-two-2-to-1-steps-00000002.png")));
    assertEquals(3, Files.readAllLines(students.resolve("held-out.csv")).size());
  }

  @Test
  void whatCannotBeLookedAtIsRefused() {
    String none =
        refused(
            command(
                "train",
                "--data",
                data.resolve("train"),
                "--out",
                folder.resolve("none"),
                "--held-out",
                4));
    assertTrue(none.contains("has no test split to hold out"), none);
    String latents = refused("train", "--data", data, "--autoencoder", folder, "--samples", 1);
    assertTrue(latents.contains("--samples: is for networks of pixels"), latents);
  }
}
