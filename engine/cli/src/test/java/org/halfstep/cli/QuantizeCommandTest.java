package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command as a user types it: what it writes, and what it refuses in one line. */
class QuantizeCommandTest {
  private static final int SIDE = 8;
  private static final int IMAGES_PER_CLASS = 3;

  @TempDir private Path folder;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(Object... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    String[] words = new String[arguments.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = arguments[i].toString();
    }
    return Halfstep.run(new PrintWriter(out), new PrintWriter(err), words);
  }

  /** The model's classes, and more that it does not have. */
  private static String name(int label) {
    return label < TinyModels.CLASSES.size() ? TinyModels.CLASSES.get(label) : "class" + label;
  }

  private Path images(int classes) throws IOException {
    Path data = folder.resolve("images-" + classes);
    for (int k = 0; k < classes; k++) {
      Path of = Files.createDirectories(data.resolve(name(k)));
      for (int i = 0; i < IMAGES_PER_CLASS; i++) {
        BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_BYTE_GRAY);
        for (int p = 0; p < SIDE * SIDE; p++) {
          image.getRaster().setSample(p % SIDE, p / SIDE, 0, (37 * p * (k + 1) + 11 * i) % 256);
        }
        ImageIO.write(image, "png", of.resolve(i + ".png").toFile());
      }
    }
    return data;
  }

  @Test
  void theModelIsWrittenAndUsedLikeAnyOther() throws IOException {
    Path student = TinyModels.student(folder.resolve("student.safetensors"), 2);
    Path int8 = folder.resolve("int8.safetensors");
    int code =
        run("quantize", "--model", student, "--data", images(3), "--images", 4, "--out", int8);
    assertEquals(0, code, err::toString);
    assertTrue(out.toString().contains("measured on 8 evaluations of 4 images"), out::toString);
    assertTrue(Files.size(int8) < Files.size(student) / 2, Files.size(int8) + " bytes");

    assertEquals(0, run("info", "--model", int8), err::toString);
    assertTrue(out.toString().contains("8 evaluations of 4 images of images-3"), out::toString);
    Path grid = folder.resolve("grid.png");
    assertEquals(
        0,
        run("sample", "--model", int8, "--labels", "all", "--per-class", 1, "--grid", grid),
        err::toString);
    assertTrue(Files.exists(grid));

    refused("int8 already", "--model", int8, "--data", images(3));
  }

  @Test
  void badInputIsRefusedInOneLine() throws IOException {
    Path student = TinyModels.student(folder.resolve("student.safetensors"), 2);
    refused("--images must be from 1", "--model", student, "--data", images(3), "--images", 0);
    refused("nowhere", "--model", student, "--data", folder.resolve("nowhere"));
    refused(
        "2 classes that the model does not have: class3, class4",
        "--model",
        student,
        "--data",
        images(5));
  }

  private void refused(String expected, Object... arguments) {
    Path file = folder.resolve("refused.safetensors");
    Object[] all = new Object[arguments.length + 3];
    all[0] = "quantize";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    all[all.length - 2] = "--out";
    all[all.length - 1] = file;
    assertEquals(2, run(all), err::toString);
    assertTrue(err.toString().contains(expected), err::toString);
    assertEquals(1, err.toString().lines().count(), err::toString);
    assertTrue(Files.notExists(file));
  }
}
