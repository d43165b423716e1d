package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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

  /** What a command wrote and returned. */
  private record Outcome(int code, String out, String err) {}

  private Path folder;
  private Path data;
  private Path teacher;
  private Path students;

  private static Outcome halfstep(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] text = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
    int code = Halfstep.run(new PrintWriter(out), new PrintWriter(err), text);
    return new Outcome(code, out.toString(), err.toString());
  }

  private static String succeeds(Object... arguments) {
    Outcome outcome = halfstep(arguments);
    assertEquals(0, outcome.code(), outcome.err());
    assertEquals("", outcome.err());
    return outcome.out();
  }

  /** The command ends with code 2 and one line, which is returned. */
  private static String refused(Object... arguments) {
    Outcome outcome = halfstep(arguments);
    assertEquals(2, outcome.code(), outcome.err());
    assertEquals(1, outcome.err().lines().count(), outcome.err());
    assertTrue(outcome.err().startsWith("halfstep: "), outcome.err());
    return outcome.err().strip();
  }

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
      Outcome outcome =
          halfstep("sample", "--model", teacher, "--count", 1, option, file.resolve("x.png"));
      assertEquals(1, outcome.code());
      assertTrue(outcome.err().contains(file.toString()), outcome.err());
      assertEquals("", outcome.out(), "no work was begun");
    }
    Outcome long1 =
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
      Outcome outcome =
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
    Outcome outcome = halfstep("sample", "--verbose", "--model", "zebra");
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
          "w = 4.0 (guidance scale 5.0)",
          "plan, batch 16",
          "\"image_size\" : 8",
          "thread"
        }) {
      assertTrue(out.contains(part), part + " in " + out);
    }
  }

  @Test
  void benchShowsTimesAndAProfile() {
    String out =
        succeeds(
            "bench", "--model", student(1), "--batch", "1,2", "--seconds", "0.01", "--profile");
    assertTrue(out.contains("ms per image"), out);
    assertTrue(out.contains("conv3 forward"), out);
    assertTrue(out.contains("GB/s"), out);
    assertTrue(out.contains("of ceiling"), out);
    assertTrue(out.contains("input_blocks.0.0 conv3 forward"), out);
  }

  @Test
  void benchTimesTrainingSteps() {
    String out =
        succeeds(
            "bench",
            "--model",
            student(1),
            "--batch",
            2,
            "--seconds",
            "0.01",
            "--profile",
            "--training");
    for (String part :
        new String[] {"ms per step", "pack weights", "conv3 backward weights", "update"}) {
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
    String last = text.lines().reduce((a, b) -> b).orElseThrow();
    assertTrue(last.matches(".*student-1.safetensors +1 +1 .* 12x .*x"), last);
    assertEquals("0", PngFile.text(out.resolve("teacher-steps-6.png")).get("Seed"));
    assertEquals(
        ImageIO.read(out.resolve("teacher-steps-6.png").toFile()).getWidth(),
        ImageIO.read(out.resolve("student-1-steps-1.png").toFile()).getWidth());
  }

  @Test
  void everyCommandShowsAnExample() {
    for (String command : new String[] {"demo", "train", "distill", "sample", "info", "bench"}) {
      String out = succeeds(command, "--help");
      assertTrue(out.contains("Example:"), command);
      assertTrue(out.contains("  halfstep " + command), command);
    }
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
    assertTrue(succeeds(arguments).contains("is finished, nothing is left to do"));
    assertTrue(
        refused(
                "train-classifier",
                "--preset",
                "tiny",
                "--data",
                data,
                "--out",
                out,
                "--set",
                "classifier.network.widths=[8,12]")
            .contains("widths must be two or more multiples of 8"));
  }
}
