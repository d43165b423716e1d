package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.halfstep.cli.option.Settings;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The paper's experiments from training to tables, on networks of a moment's training. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PaperCommandsTest {
  private static final int IMAGES = 40;
  private static final int SIDE = 8;

  private Path folder;
  private Path data;
  private Path teacher;

  @BeforeAll
  void train(@TempDir Path given) throws IOException {
    folder = given;
    data = Files.createDirectory(folder.resolve("data"));
    write("train", 1);
    write("t10k", 2);
    succeeds(
        "train",
        "--preset",
        "tiny",
        "--data",
        data,
        "--out",
        folder.resolve("teacher"),
        "--updates",
        2,
        "--batch",
        2);
    teacher = folder.resolve("teacher/teacher.safetensors");
  }

  private void write(String split, long seed) throws IOException {
    byte[] pixels = new byte[IMAGES * SIDE * SIDE];
    new Random(seed).nextBytes(pixels);
    ByteBuffer images = ByteBuffer.allocate(16 + pixels.length);
    images.putInt(0x803).putInt(IMAGES).putInt(SIDE).putInt(SIDE).put(pixels);
    Files.write(data.resolve(split + "-images-idx3-ubyte"), images.array());
    ByteBuffer labels = ByteBuffer.allocate(8 + IMAGES).putInt(0x801).putInt(IMAGES);
    for (int i = 0; i < IMAGES; i++) {
      labels.put((byte) (i % 10));
    }
    Files.write(data.resolve(split + "-labels-idx1-ubyte"), labels.array());
  }

  /** Students of 2 and 1 steps, or encoders. */
  private Path distill(String name, Object... more) {
    Path out = folder.resolve(name);
    Object[] first = {
      "distill",
      "--preset",
      "tiny",
      "--data",
      data,
      "--teacher",
      teacher,
      "--out",
      out,
      "--updates",
      2,
      "--batch",
      2,
      "--stages",
      "2,1"
    };
    Object[] all = Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    succeeds(all);
    return out;
  }

  private static String info(Path model) {
    return succeeds("info", "--model", model);
  }

  @Test
  void everyKindOfStudentUpToTheTables() throws IOException {
    Path all = distill("students");
    Path stochastic = distill("stochastic", "--set", "distillation.stochastic=true");
    Path single = distill("single", "--guidance-range", "1,1");
    Path naive = distill("naive", "--set", "distillation.kind=naive");
    Path naiveStudent = naive.resolve("student-2.safetensors");
    assertFalse(Files.exists(naive.resolve("guided.safetensors")));
    assertTrue(info(naiveStudent).contains("naive student of 2 steps"), info(naiveStudent));
    assertTrue(info(naiveStudent).contains("two evaluations per step"), info(naiveStudent));
    String sampled =
        succeeds(
            "sample",
            "--model",
            naiveStudent,
            "--labels",
            "0,1",
            "--guidance",
            2,
            "--grid",
            folder.resolve("naive.png"));
    assertTrue(sampled.contains("4 network evaluations per image"), sampled);
    Path classifier = folder.resolve("classifier.safetensors");
    List<String> names = Files.exists(teacher) ? names() : List.of();
    ClassifierConfig config = new ClassifierConfig(SIDE, 1, names.size(), List.of(8, 16));
    ClassifierCard card = new ClassifierCard("tiny", names, Map.of());
    try (Device device = new CpuDevice();
        Network<ClassifierConfig, ClassifierCard> network =
            Network.fresh(device, config, card, 1)) {
      network.save(classifier, card, Dtype.F32);
    }
    StringBuilder models = new StringBuilder(teacher.toString());
    for (Path run : List.of(all, stochastic, single, naive)) {
      models.append(',').append(run.resolve("student-2.safetensors"));
    }
    Path out = folder.resolve("report");
    Object[] report = {
      "report",
      "--paper",
      "--models",
      models,
      "--classifier",
      classifier,
      "--data",
      data,
      "--samples",
      24,
      "--teacher-samples",
      20,
      "--teacher-steps",
      3,
      "--evaluations",
      2,
      "--guidance",
      "0,1",
      "--rounds",
      0,
      "--out",
      out
    };
    succeeds(report);
    String text = Files.readString(out.resolve("paper.md"));
    for (String row :
        List.of(
            "| 2 steps, D / S | ",
            "| single w, 2 steps | – | ",
            "| naive, 2 steps | ",
            "| teacher, Heun, 1 step | ",
            "| teacher, DDPM, 2 steps | ",
            "| teacher, DDIM, 3 steps | ")) {
      assertTrue(text.lines().anyMatch(line -> line.startsWith(row)), row + "\n" + text);
    }
    assertFalse(text.contains("/ – |"), "every chain was measured at every w\n" + text);
    // The teacher has fewer images: its table is of as many as all have.
    assertTrue(text.contains("20 images of each row"), text);
    byte[] results = Files.readAllBytes(out.resolve("results.json"));
    succeeds(report);
    assertEquals(
        new String(results, StandardCharsets.UTF_8),
        Files.readString(out.resolve("results.json")),
        "nothing was measured again");
  }

  private List<String> names() throws IOException {
    String said = info(teacher);
    String line = said.lines().filter(one -> one.startsWith("classes")).findFirst().orElseThrow();
    return List.of(line.substring("classes".length()).strip().split(", "));
  }

  @Test
  void encodersAndTransferByThem() throws IOException {
    Path encoders = distill("encoders", "--encoder");
    Path encoder = encoders.resolve("encoder-2.safetensors");
    assertEquals(
        "encoder",
        Settings.JSON
            .readTree(encoders.resolve("config.json").toFile())
            .at("/distillation/kind")
            .asText());
    assertTrue(info(encoder).contains("encoder of 2 steps"), info(encoder));
    assertTrue(info(encoder).contains("2, from images to noise"), info(encoder));
    Path picture = folder.resolve("picture.png");
    byte[] pixels = new byte[SIDE * SIDE];
    new Random(3).nextBytes(pixels);
    ImageGrid.writeSingle(picture, new ImageBatch(1, SIDE, SIDE, 1, pixels), 0, Map.of());
    Path students = distill("decoders");
    String said =
        succeeds(
            "transfer",
            "--encoder",
            encoder,
            "--model",
            students.resolve("student-1.safetensors"),
            "--from",
            "0",
            "--to",
            "1",
            "--image",
            picture,
            "--out",
            folder.resolve("made"));
    assertTrue(said.contains("2 and 1 step, 3 network evaluations each"), said);
    // Without other options, as the paper has it.
    String config =
        refused(
            "distill",
            "--preset",
            "tiny",
            "--encoder",
            "--data",
            data,
            "--teacher",
            encoder,
            "--out",
            folder.resolve("none"));
    assertTrue(config.contains("is an encoder of 2 steps; distillation starts from a"), config);
    String guided =
        refused(
            "distill",
            "--preset",
            "tiny",
            "--encoder",
            "--guidance-range",
            "0,4",
            "--data",
            data,
            "--teacher",
            teacher,
            "--out",
            folder.resolve("none"));
    assertTrue(guided.contains("encoders are deterministic and take no guidance"), guided);
  }
}
