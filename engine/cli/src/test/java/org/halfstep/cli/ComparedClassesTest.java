package org.halfstep.cli;

import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images of a model beside real ones of other classes, chosen and by default. */
class ComparedClassesTest {
  private static final int SIDE = 8;
  private static final int IMAGES = 24;

  @TempDir private static Path shared;

  private static Path model;
  private static Path classifier;

  @TempDir private Path folder;

  @BeforeAll
  static void write() throws IOException {
    model = TinyModels.student(shared.resolve("student.safetensors"), 1);
    classifier = shared.resolve("classifier.safetensors");
    ClassifierConfig config = new ClassifierConfig(SIDE, 1, 3, List.of(8, 16));
    ClassifierCard card = new ClassifierCard("tiny", TinyModels.CLASSES, Map.of());
    try (Device device = new CpuDevice();
        Network<ClassifierConfig, ClassifierCard> network =
            Network.fresh(device, config, card, 1)) {
      network.save(classifier, card, Dtype.F32);
    }
  }

  /** Test images of three classes in IDX files, by default those of digits. */
  private static Path images(Path data, List<String> names) throws IOException {
    Files.createDirectories(data);
    byte[] pixels = new byte[IMAGES * SIDE * SIDE];
    new Random(1).nextBytes(pixels);
    ByteBuffer images = ByteBuffer.allocate(16 + pixels.length);
    images.putInt(0x803).putInt(IMAGES).putInt(SIDE).putInt(SIDE).put(pixels);
    Files.write(data.resolve("t10k-images-idx3-ubyte"), images.array());
    ByteBuffer labels = ByteBuffer.allocate(8 + IMAGES).putInt(0x801).putInt(IMAGES);
    for (int i = 0; i < IMAGES; i++) {
      labels.put((byte) (i % 3));
    }
    Files.write(data.resolve("t10k-labels-idx1-ubyte"), labels.array());
    if (!names.isEmpty()) {
      Files.write(data.resolve("classes.txt"), names);
    }
    return data;
  }

  private List<Object> evaluate() {
    return List.of(
        "evaluate",
        "--model=" + model,
        "--classifier=" + classifier,
        "--samples=20",
        "--cache=" + folder.resolve("cache"));
  }

  private List<Object> report() {
    return List.of(
        "report",
        "--models=" + model,
        "--classifier=" + classifier,
        "--samples=20",
        "--teacher-samples=20",
        "--guidance=0",
        "--out=" + folder.resolve("report"));
  }

  private static String said(List<Object> command, String... more) {
    List<Object> all = new ArrayList<>(command);
    all.addAll(List.of(more));
    return succeeds(all.toArray());
  }

  @Test
  void chosenImagesOfOtherClassesAreSaidToBe() throws IOException {
    Path digits = images(folder.resolve("digits"), List.of());
    Path same = images(folder.resolve("same"), TinyModels.CLASSES.reversed());
    String note =
        "note: the model makes Coat, Sneaker, Snow boot; "
            + digits
            + " has 0, 1, 2, 3, 4, 5, 6, 7, ... (10)\n";
    String beside = said(evaluate(), "--reference=" + digits);
    assertTrue(beside.contains(note), beside);
    assertFalse(said(evaluate(), "--reference=" + same).contains("note:"));
    String page = said(report(), "--rounds=0", "--data=" + digits);
    assertTrue(page.contains(note), page);
  }

  /** The command in a folder of its own, where the default images lie. */
  private String refused(List<Object> command) throws Exception {
    List<String> all = new ArrayList<>();
    all.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    all.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Dhalfstep.native=" + System.getProperty("halfstep.native"),
            "-cp",
            System.getProperty("java.class.path"),
            "org.halfstep.cli.Halfstep"));
    command.forEach(word -> all.add(word.toString()));
    Path errors = folder.resolve("errors.txt");
    Process child =
        new ProcessBuilder(all)
            .directory(folder.toFile())
            .redirectError(errors.toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertTrue(child.waitFor(120, TimeUnit.SECONDS));
    String text = Files.readString(errors);
    assertEquals(2, child.exitValue(), text);
    assertEquals(1, text.lines().count(), text);
    return text.strip();
  }

  @Test
  void imagesThatNobodyChoseAreRefused() throws Exception {
    images(folder.resolve("data/fashion-mnist"), List.of());
    String difference =
        "halfstep: the model makes Coat, Sneaker, Snow boot; data/fashion-mnist has 0, 1, 2, 3, 4,"
            + " 5, 6, 7, ... (10): name real images of these classes with ";
    assertEquals(difference + "--reference", refused(evaluate()));
    // Before it takes the time, which takes minutes.
    assertEquals(difference + "--data", refused(report()));
  }
}
