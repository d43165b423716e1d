package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command that distills latent models, on the tiny one and pictures of a few colours. */
class LatentDistillTest {
  private static final int SIDE = 64;
  private static final int PICTURES = 6;

  @TempDir private static Path folder;

  @BeforeAll
  static void write() throws IOException {
    succeeds("convert", "--tiny", folder.resolve("tiny"));
    Path pictures = Files.createDirectory(folder.resolve("pictures"));
    StringBuilder table = new StringBuilder("file\tcaption\n");
    for (int i = 0; i < PICTURES; i++) {
      draw(pictures.resolve(i + ".png"), i);
      table.append(i).append(".png\ta fox number ").append(i).append('\n');
    }
    Files.writeString(pictures.resolve("captions.tsv"), table);
  }

  private static void draw(Path file, int number) throws IOException {
    BufferedImage picture = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        picture.setRGB(x, y, 0x204060 * (number + 1) + 4 * x * (y % 3) << number);
      }
    }
    ImageIO.write(picture, "png", file.toFile());
  }

  private static String distill(String teacher, Path out, Object... more) {
    return distill(teacher, folder.resolve("pictures"), out, more);
  }

  private static String distill(String teacher, Path data, Path out, Object... more) {
    Object[] first = {
      "distill",
      "--teacher",
      folder.resolve("tiny").resolve(teacher),
      "--data",
      data,
      "--preset",
      "tiny",
      "--stages",
      "2,1",
      "--out",
      out
    };
    Object[] all = new Object[first.length + more.length];
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return succeeds(all);
  }

  @ParameterizedTest
  @ValueSource(strings = {"diffusers", "inpainting"})
  void whatComesOutIsSampled(String teacher) throws IOException {
    Path out = folder.resolve("out-" + teacher);
    String said = distill(teacher, out);
    assertTrue(said.contains("6 pictures as latents of 8x8x4, 6 captions"), said);
    assertTrue(said.contains("pictures are not mirrored"), said);
    assertTrue(said.contains("w from 2.0 to 14.0"), said);
    assertTrue(said.contains("optimizer's moments"), said);
    assertTrue(said.contains("2 halvings from 4 to 1 step"), said);
    String info = succeeds("info", "--model", out.resolve("student-2"));
    assertTrue(info.contains("2"), info);
    if (teacher.equals("diffusers")) {
      Path pictures = folder.resolve("foxes");
      succeeds(
          "sample", "--model", out.resolve("student-1"), "--prompt", "a fox", "--out", pictures);
      try (Stream<Path> made = Files.list(pictures)) {
        assertTrue(made.anyMatch(path -> path.toString().endsWith(".png")));
      }
    }
    byte[] before = Files.readAllBytes(weights(out));
    distill(teacher, out);
    assertArrayEquals(before, Files.readAllBytes(weights(out)), "nothing was left to do");
  }

  /**
   * The shape of latent diffusion's model of ImageNet: codes in place of Gaussians, and classes.
   */
  @Test
  void aModelOfClassesIsDistilledOnAFolderForEach() throws IOException {
    Path data = folder.resolve("classes");
    int number = 0;
    for (String name : List.of("cat", "dog", "fox")) {
      Path pictures = Files.createDirectories(data.resolve(name));
      for (int i = 0; i < 2; i++) {
        draw(pictures.resolve(i + ".png"), number++);
      }
    }
    Path out = folder.resolve("out-classes");
    String said = distill("classes", data, out, "--guidance-range", "0,14");
    assertTrue(said.contains("6 pictures as latents of 8x8x3, 3 classes"), said);
    assertTrue(said.contains("w from 0.0 to 14.0"), said);
    assertTrue(said.contains("from eps to v"), said);
    assertTrue(said.contains("2 halvings from 4 to 1 step"), said);
    for (String student : List.of("velocity", "guided", "student-2", "student-1")) {
      Path made = folder.resolve("classes-" + student);
      succeeds("sample", "--model", out.resolve(student), "--labels", "1", "--out", made);
      BufferedImage picture = ImageIO.read(made.resolve("seed-0-image-0.png").toFile());
      assertEquals(4 * 8, picture.getWidth(), "four pixels of a picture to one of a latent");
    }
    Path other = folder.resolve("classes-other");
    succeeds("sample", "--model", out.resolve("student-1"), "--labels", "2", "--out", other);
    assertFalse(
        Arrays.equals(
            Files.readAllBytes(folder.resolve("classes-student-1/seed-0-image-0.png")),
            Files.readAllBytes(other.resolve("seed-0-image-0.png"))),
        "the class has an effect");
  }

  private static Path weights(Path out) {
    return out.resolve("student-1/unet/diffusion_pytorch_model.safetensors");
  }

  @Test
  void encodersOfLatents() throws IOException {
    Path out = folder.resolve("encoders");
    String said = distill("diffusers", out, "--encoder");
    assertTrue(said.contains("encoders, at w = 0: 2 halvings from 4 to 1 step"), said);
    String info = succeeds("info", "--model", out.resolve("encoder-2"));
    assertTrue(info.contains("latent encoder of 2 steps"), info);
    String made =
        succeeds(
            "transfer",
            "--encoder",
            out.resolve("encoder-1"),
            "--model",
            out.resolve("velocity"),
            "--steps",
            2,
            "--from",
            "a fox",
            "--to",
            "a cat",
            "--size",
            SIDE + "x" + SIDE,
            "--image",
            folder.resolve("pictures"),
            "--out",
            folder.resolve("cats"));
    assertTrue(made.contains("6 pictures, 1 and 2 steps, 3 network evaluations each"), made);
    assertTrue(made.contains("the first stage alone"), made);
    try (Stream<Path> cats = Files.list(folder.resolve("cats"))) {
      assertEquals(PICTURES, cats.filter(path -> path.toString().endsWith("-a-cat.png")).count());
    }
  }

  @Test
  void naiveStudentsOfLatents() {
    Path out = folder.resolve("naive");
    distill("diffusers", out, "--set", "latentDistillation.students.kind=naive");
    String made =
        succeeds(
            "sample",
            "--model",
            out.resolve("student-2"),
            "--prompt",
            "a fox",
            "--guidance",
            2,
            "--grid",
            folder.resolve("naive.png"));
    assertTrue(made.contains("latent naive student of 2 steps"), made);
    assertTrue(made.contains("4 network evaluations per image"), made);
  }

  @Test
  void whatDoesNotGoTogetherIsRefused() {
    Path teacher = folder.resolve("tiny/diffusers");
    Path data = folder.resolve("pictures");
    String halves =
        refused(
            "distill",
            "--teacher",
            teacher,
            "--data",
            data,
            "--stages",
            "8,2",
            "--out",
            folder.resolve("none"));
    assertTrue(halves.contains("half of the one before"), halves);
    for (String wrong : new String[] {"", ",", "4,2,1,", "x", "99999999999999999999"}) {
      String line =
          refused(
              "distill",
              "--teacher",
              teacher,
              "--data",
              data,
              "--stages=" + wrong,
              "--out",
              folder.resolve("none"));
      assertTrue(line.contains("--stages: expected numbers of steps"), line);
    }
    String range =
        refused(
            "distill",
            "--teacher",
            teacher,
            "--data",
            data,
            "--guidance-range",
            "2",
            "--out",
            folder.resolve("none"));
    assertTrue(range.contains("least and the greatest"), range);
    String foreign =
        refused(
            "distill",
            "--teacher",
            folder.resolve("tiny/lcm"),
            "--data",
            data,
            "--preset",
            "tiny",
            "--out",
            folder.resolve("none"));
    assertTrue(foreign.contains("distilled already"), foreign);
    String pixels =
        refused("distill", "--teacher", folder.resolve("missing.safetensors"), "--recompute");
    assertTrue(pixels.contains("is for latent models"), pixels);
  }
}
