package org.halfstep.cli;

import static org.halfstep.cli.Commands.halfstep;
import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.image.PngFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands as a person types them, on images of 8x8 pixels and networks of a moment's training.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CommandLineTest {
  private static final int IMAGES = 40;
  private static final int SIDE = 8;

  private Path folder;
  private Path data;
  private Path teacher;
  private Path students;

  @BeforeAll
  void trainAndDistill(@TempDir Path given) throws IOException {
    folder = given;
    data = Files.createDirectory(folder.resolve("data"));
    byte[] pixels = new byte[IMAGES * SIDE * SIDE];
    new Random(1).nextBytes(pixels);
    Files.write(
        data.resolve("train-images-idx3-ubyte"),
        ByteBuffer.allocate(16 + pixels.length)
            .putInt(0x803)
            .putInt(IMAGES)
            .putInt(SIDE)
            .putInt(SIDE)
            .put(pixels)
            .array());
    ByteBuffer labels = ByteBuffer.allocate(8 + IMAGES).putInt(0x801).putInt(IMAGES);
    for (int i = 0; i < IMAGES; i++) {
      labels.put((byte) (i % 10));
    }
    Files.write(data.resolve("train-labels-idx1-ubyte"), labels.array());
    teacher = folder.resolve("teacher/teacher.safetensors");
    students = folder.resolve("students");
    String trained = train(teacher.getParent());
    assertTrue(trained.contains("parameters"), trained);
    assertTrue(trained.indexOf("plan: ") < trained.indexOf("teacher: 4 updates"), trained);
    assertTrue(trained.contains("4/4  loss "), trained);
    succeeds(
        "distill",
        "--preset",
        "tiny",
        "--data",
        data,
        "--teacher",
        teacher,
        "--out",
        students,
        "--updates",
        2,
        "--batch",
        2,
        "--steps",
        4);
  }

  private String train(Path out, Object... more) {
    Object[] arguments = {
      "train", "--preset", "tiny", "--data", data, "--out", out, "--updates", 4, "--batch", 2
    };
    Object[] all = Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return succeeds(all);
  }

  private Path student(int steps) {
    return students.resolve("student-" + steps + ".safetensors");
  }

  @Test
  void distillationKeepsEveryStudent() {
    assertTrue(Files.exists(students.resolve("guided.safetensors")));
    assertTrue(Files.exists(student(2)));
    assertTrue(Files.exists(student(1)));
    assertFalse(Files.exists(student(4)));
  }

  @Test
  void everyRunWritesItsWholeConfiguration() throws IOException {
    var config = Settings.JSON.readTree(teacher.resolveSibling("config.json").toFile());
    assertEquals(2, config.at("/teacher/run/batch").asInt());
    assertEquals(10, config.at("/teacher/network/num_classes").asInt());
    assertEquals(0.9, config.at("/teacher/run/optimizer/emaDecay").asDouble());
    assertEquals(IMAGES, config.at("/data/images").asInt());
    var distilled = Settings.JSON.readTree(students.resolve("config.json").toFile());
    assertEquals(4, distilled.at("/distillation/teacherSteps").asInt());
    assertEquals(2, distilled.at("/distillation/guided/updates").asInt());
    assertEquals(ModelOption.checksum(teacher.toString()), distilled.at("/from/sha256").asText());
  }

  @Test
  void aConfigurationFileRepeatsARun() throws IOException {
    Path again = folder.resolve("again");
    succeeds(
        "train", "--config", teacher.resolveSibling("config.json"), "--data", data, "--out", again);
    assertEquals(-1, Files.mismatch(teacher, again.resolve("teacher.safetensors")));
  }

  @Test
  void aRunIsNotContinuedWithOtherSettings() {
    Path out = teacher.getParent();
    String line =
        refused(
            "train",
            "--preset",
            "tiny",
            "--data",
            data,
            "--out",
            out,
            "--updates",
            4,
            "--batch",
            4);
    assertTrue(line.contains(out + ": holds a run with teacher.run.batch 2, not 4"), line);
    assertTrue(train(out).contains("finished"), "the same settings are taken");
  }

  @Test
  void samplesAreFilesThatSayHowToMakeThemAgain() throws IOException {
    Path grid = folder.resolve("grid.png");
    Path singles = folder.resolve("singles");
    String out =
        succeeds(
            "sample",
            "--model",
            teacher,
            "--labels",
            "0,3-4",
            "--per-class",
            2,
            "--seed",
            7,
            "--guidance",
            1.5,
            "--steps",
            3,
            "--grid",
            grid,
            "--scale",
            1,
            "--out",
            singles);
    assertTrue(out.contains("6 images, 3 ddim steps, w = 1.5 (guidance scale 2.5), seed 7"), out);
    assertTrue(out.contains("6 network evaluations per image"), out);
    assertEquals(2 + 3 * (SIDE + 2), ImageIO.read(grid.toFile()).getWidth(), "classes are columns");
    Path single = singles.resolve("seed-7-image-5-4.png");
    Map<String, String> text = PngFile.text(single);
    assertEquals("7", text.get("Seed"));
    assertEquals("5", text.get("First image"));
    assertEquals("4", text.get("Labels"));
    assertEquals("3", text.get("Steps"));
    assertEquals(ModelOption.checksum(teacher.toString()), text.get("Model SHA-256"));
    assertEquals("0,3,4,0,3,4", PngFile.text(grid).get("Labels"));

    Path again = folder.resolve("singles-again");
    String command = text.get("Command");
    assertTrue(command.startsWith("halfstep "), command);
    succeeds((Object[]) (command.substring("halfstep ".length()) + " --out " + again).split(" "));
    assertEquals(-1, Files.mismatch(single, again.resolve(single.getFileName())), command);
  }

  @Test
  void theNumberOfImagesDoesNotChangeAnImage() throws IOException {
    Path many = folder.resolve("many");
    Path one = folder.resolve("one");
    succeeds("sample", "--model", student(1), "--labels", "2", "--count", 19, "--out", many);
    succeeds(
        "sample",
        "--model",
        student(1),
        "--labels",
        "2",
        "--count",
        1,
        "--first-image",
        17,
        "--out",
        one);
    String name = "seed-0-image-17-2.png";
    assertArrayEquals(pixels(many.resolve(name)), pixels(one.resolve(name)));
  }

  @Test
  void convolutionsByPlainSumsMakeTheSameImages() throws IOException {
    Path fast = folder.resolve("fast");
    Path direct = folder.resolve("direct");
    succeeds("sample", "--model", student(1), "--labels", "2", "--count", 2, "--out", fast);
    succeeds(
        "sample",
        "--model",
        student(1),
        "--labels",
        "2",
        "--count",
        2,
        "--conv",
        "direct",
        "--out",
        direct);
    String name = "seed-0-image-1-2.png";
    int[] expected = pixels(direct.resolve(name));
    int[] found = pixels(fast.resolve(name));
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], found[i], 1, "pixel " + i);
    }
    assertTrue(refused("info", "--conv", "zebra").contains("--conv"));
  }

  private static int[] pixels(Path file) throws IOException {
    return ImageIO.read(file.toFile()).getRaster().getPixels(0, 0, SIDE, SIDE, (int[]) null);
  }

  @Test
  void aStudentSaysWhatItHas() {
    assertEquals(
        "halfstep: this student was distilled for 2 steps and takes no other number, got 4",
        refused("sample", "--model", student(2), "--steps", 4));
    assertEquals(
        "halfstep: this network was distilled for guidance w in [0.0, 4.0], got 5.0",
        refused("sample", "--model", student(2), "-w", 5));
  }

  @Test
  void mistakesAreOneLine() throws IOException {
    Path nothing = folder.resolve("nothing.safetensors");
    assertEquals(
        "halfstep: " + nothing + ": there is no such file", refused("sample", "--model", nothing));
    Path broken = Files.writeString(folder.resolve("broken.safetensors"), "not a model at all");
    assertTrue(refused("info", "--model", broken).contains(broken + ": byte 0"));
    assertTrue(refused("sample", "--model", "zebra").contains("no bundled model \"zebra\""));
    String unknown = refused("sample", "--model", teacher, "--labels", "zebra");
    assertTrue(unknown.contains("is not a class of this model; its classes are 0, 1, 2"), unknown);
    assertTrue(refused("sample", "--model", teacher, "--labels", "4-2").contains("upwards"));
    assertTrue(refused("sample", "--model", teacher, "--count", "0").contains("--count"));
    assertTrue(refused("sample", "--steps", "few").contains("'few'"));
    assertTrue(refused("sample", "--model", teacher, "--threads", "-1").contains("--threads"));
    assertTrue(refused("frobnicate").contains("'frobnicate'"));
    assertTrue(refused("sampel").contains("did you mean 'sample'?"));
    assertTrue(refused().contains("name a command"));
    Path absent = folder.resolve("absent");
    assertTrue(refused("train", "--data", absent).contains(absent + ": expected a folder"));
    assertTrue(refused("train", "--preset", "zebra").contains("there are cifar10, "));
    assertTrue(refused("train", "--data", data).contains("expected images of 28x28"));
    assertTrue(
        refused("train", "--preset", "tiny", "--data", data, "--set", "teacher.run.batsch=3")
            .contains("batsch"));
    assertTrue(
        refused("train", "--preset", "tiny", "--data", data, "--set", "teacher.labelDropout=many")
            .contains("teacher.labelDropout"));
    assertTrue(
        refused("distill", "--preset", "tiny", "--data", data, "--teacher", student(2))
            .contains("a student of 2 steps"));
    assertTrue(
        refused("distill", "--preset", "tiny", "--data", data, "--teacher", teacher, "--steps", "5")
            .contains("powers of two"));
  }

  @Test
  void numbersHaveARange() {
    for (String[] wrong :
        new String[][] {
          {"--threads", "8000"},
          {"--threads", "0"},
          {"--steps", "2147483647"},
          {"--steps", "0"},
          {"--count", "2147483647"},
          {"--per-class", "2147483647"},
          {"--scale", "1000000"},
          {"--guidance", "1e38"},
          {"--guidance", "NaN"},
          {"--first-image", "9223372036854775807"},
          {"--first-image", "-1"}
        }) {
      String line = refused("sample", "--model", teacher, wrong[0], wrong[1]);
      assertTrue(line.contains(" to ") || line.contains("at least"), line);
    }
    for (String[] wrong :
        new String[][] {
          {"--batch", "2147483647"},
          {"--batch", "1000000"},
          {"--batch", "0"},
          {"--seconds", "NaN"},
          {"--seconds", "-1"},
          {"--seconds", "1e300"}
        }) {
      String line = refused("bench", "--model", teacher, wrong[0], wrong[1]);
      assertTrue(line.contains(wrong[0] + " must be "), line);
    }
  }

  @Test
  void whatCannotFitIsRefusedBeforeItIsTried() {
    try (Device device = new CpuDevice(1)) {
      long left = device.availableMemory().orElseThrow();
      Bounds.memory(device, left / 2, "this");
      InputException refused =
          assertThrows(InputException.class, () -> Bounds.memory(device, left * 4, "this"));
      assertTrue(refused.getMessage().startsWith("this needs "), refused.getMessage());
    }
  }

  @Test
  void outputsAreTriedBeforeTheWork() throws IOException {
    Path file = Files.writeString(folder.resolve("a-file"), "in the way");
    for (String option : new String[] {"--grid", "--npz"}) {
      Commands.Outcome outcome =
          halfstep("sample", "--model", teacher, "--count", 1, option, file.resolve("x.png"));
      assertEquals(1, outcome.code());
      assertTrue(outcome.err().contains(file.toString()), outcome.err());
      assertEquals("", outcome.out(), "no work was begun");
    }
    Commands.Outcome long1 =
        halfstep(
            "sample", "--model", teacher, "--count", 1, "--npz", folder.resolve("x".repeat(256)));
    assertTrue(long1.err().contains("256 bytes"), long1.err());
    String most =
        refused("sample", "--model", teacher, "--count", 1_000_000, "--grid", folder.resolve("g"));
    assertTrue(most.contains("--npz"), most);
  }

  @Test
  void aFullDiskIsNamed() {
    for (String option : new String[] {"--grid", "--npz"}) {
      Commands.Outcome outcome =
          halfstep("sample", "--model", teacher, "--steps", 1, "--count", 1, option, "/dev/full");
      assertEquals(1, outcome.code());
      assertTrue(
          outcome.err().contains("/dev/full: could not be written: No space"), outcome.err());
    }
    assertFalse(Files.isRegularFile(Path.of("/dev/full")));
  }

  @Test
  void classesKeepTheirLettersInFileNames() {
    assertEquals("größe-42-ねこ", SampleWork.fileName("Größe / 42: ねこ!"));
    assertTrue(SampleWork.fileName("ねこ".repeat(100)).length() < 100);
  }

  @Test
  void aStackTraceIsThereWhenAskedFor() {
    Commands.Outcome outcome = halfstep("sample", "--verbose", "--model", "zebra");
    assertEquals(2, outcome.code());
    assertTrue(outcome.err().contains("\tat org.halfstep."), outcome.err());
  }

  @Test
  void infoShowsCardLibrariesAndSizes() {
    String out = succeeds("info", "--model", student(2));
    for (String part :
        new String[] {
          "oneDNN",
          "kernels",
          "student of 2 steps",
          "truncated cosine, log-SNR from 20.0 to -20.0; predicts v",
          "w = 4.0 (guidance scale 5.0)",
          "plan, batch 16",
          "\"image_size\" : 8",
          "thread"
        }) {
      assertTrue(out.contains(part), part + " in " + out);
    }
  }

  @Test
  void demoComparesAllModels() throws IOException {
    Path out = folder.resolve("demo");
    String text =
        succeeds(
            "demo",
            "--models",
            teacher + "," + student(2) + "," + student(1),
            "--steps",
            6,
            "--per-class",
            1,
            "--out",
            out);
    String last =
        text.lines().filter(line -> line.matches(".*\\dx.*")).reduce((a, b) -> b).orElseThrow();
    assertTrue(last.matches(".*student-1.safetensors +1 +1 .* 12x .*x +.*x +.*x"), last);
    assertTrue(text.contains("3 rounds of all models in turn"), text);
    assertTrue(text.contains("load of the machine"), text);
    assertEquals("0", PngFile.text(out.resolve("teacher-steps-6.png")).get("Seed"));
    assertEquals(
        ImageIO.read(out.resolve("teacher-steps-6.png").toFile()).getWidth(),
        ImageIO.read(out.resolve("student-1-steps-1.png").toFile()).getWidth());
  }

  @Test
  void classifierIsTrainedAndNeedsNoTestImages() {
    Path out = folder.resolve("classifier");
    Object[] arguments = {
      "train-classifier", "--preset", "tiny", "--data", data, "--out", out, "--updates", 3
    };
    String trained = succeeds(arguments);
    assertTrue(trained.contains("16 features"), trained);
    assertTrue(trained.contains("there are no test images to measure it on: "), trained);
    assertTrue(trained.lines().anyMatch(line -> line.matches("classifier [0-9a-f]{64}")), trained);
    assertTrue(succeeds(arguments).contains("is finished; there is nothing left to do"));
    String widths =
        refused(
            "train-classifier",
            "--preset",
            "tiny",
            "--data",
            data,
            "--out",
            out,
            "--set",
            "classifier.network.widths=[8,12]");
    assertTrue(widths.contains("widths must be multiples of 8 up to"), widths);
  }
}
