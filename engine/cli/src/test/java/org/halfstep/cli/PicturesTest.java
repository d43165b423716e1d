package org.halfstep.cli;

import static org.halfstep.cli.Commands.halfstep;
import static org.halfstep.cli.Commands.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.option.LabelList;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Folders of pictures as people have them, and the names of their classes. */
class PicturesTest {
  private static final int SIDE = 8;

  @TempDir Path folder;

  private static String succeeds(Object... arguments) {
    Commands.Outcome outcome = halfstep(arguments);
    assertEquals(0, outcome.code(), outcome.err());
    return outcome.out();
  }

  private void picture(String name, int shade) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < SIDE * SIDE; i++) {
      image.getRaster().setSample(i % SIDE, i / SIDE, 0, (shade * 37 + i * 3) % 256);
    }
    ImageIO.write(image, "png", file.toFile());
  }

  private Object[] train(String data, String out, Object... more) {
    Object[] base = {
      "train",
      "--preset",
      "tiny",
      "--updates",
      "2",
      "--threads",
      "1",
      "--data",
      folder.resolve(data),
      "--out",
      folder.resolve(out)
    };
    Object[] all = Arrays.copyOf(base, base.length + more.length);
    System.arraycopy(more, 0, all, base.length, more.length);
    return all;
  }

  @Test
  void whatIsLeftOutAndDoneIsSaid() throws IOException {
    picture("data/cat/1.png", 1);
    picture("data/dog/1.png", 2);
    Files.writeString(folder.resolve("data/dog/2.webp"), "x");
    String out = succeeds(train("data", "run"));
    assertTrue(out.contains("1 file (1 .webp); PNG and JPEG are read"), out);
    assertTrue(out.contains("in 2 classes"), out);
    assertTrue(out.contains("pictures are mirrored at random"), out);
    String config = Files.readString(folder.resolve("run/config.json"));
    assertTrue(config.contains("\"mirror\" : true"), config);
    assertTrue(config.contains("\"num_classes\" : 2"), config);
    assertFalse(out.contains("memorising them"), out);
    String often = succeeds(train("data", "often", "--batch", "1000"));
    assertTrue(often.contains("images is seen about 1,000 times"), often);
    assertTrue(often.contains("teacher.network.dropout=0.1"), often);
    // The same command continues, as it does for a run that was started without mirroring.
    succeeds(train("data", "run"));
    String plain = succeeds(train("data", "plain", "--set", "teacher.mirror=false"));
    assertFalse(plain.contains("mirrored"), plain);
    String again = succeeds(train("data", "plain"));
    assertFalse(again.contains("mirrored"), again);
  }

  private void captioned(String data, String... labels) throws IOException {
    StringBuilder table = new StringBuilder("file\tcaption\tlabel\n");
    for (int i = 0; i < labels.length; i++) {
      picture(data + "/" + i + ".png", i);
      table.append(i).append(".png\ta picture\t").append(labels[i]).append('\n');
    }
    Files.writeString(folder.resolve(data).resolve("captions.tsv"), table);
  }

  @Test
  void whatCaptionsSayIsNotMirrored() throws IOException {
    captioned("data", "left arrow", "flag");
    String out = succeeds(train("data", "run"));
    assertTrue(
        out.contains(
            "pictures are not mirrored: captions may say left and right"
                + " (--set teacher.mirror=true mirrors them)"),
        out);
    assertTrue(config("run").contains("\"mirror\" : false"), config("run"));
    String asked = succeeds(train("data", "asked", "--set", "teacher.mirror=true"));
    assertFalse(asked.contains("mirrored"), asked);
    assertTrue(config("asked").contains("\"mirror\" : true"), config("asked"));
    // A run that mirrors goes on so.
    assertTrue(succeeds(train("data", "asked")).contains("pictures are mirrored at random"));
  }

  private String config(String run) throws IOException {
    return Files.readString(folder.resolve(run).resolve("config.json"));
  }

  @Test
  void oneOfAThingIsNotSeveral() throws IOException {
    picture("data/1.png", 1);
    String out = succeeds(train("data", "run"));
    assertTrue(out.contains("data: 1 image of 8x8x1 in 1 class, 64 B"), out);
  }

  @Test
  void theNumberOfClassesIsNotChangedSilently() throws IOException {
    picture("data/cat/1.png", 1);
    picture("data/dog/1.png", 2);
    String line = refused(train("data", "run", "--set", "teacher.network.num_classes=3"));
    assertTrue(line.contains("teacher.network.num_classes is 3, but the data has 2 classes"), line);
    succeeds(train("data", "run", "--set", "teacher.network.num_classes=2"));
  }

  @Test
  void damagedConfigurationsAreNamed() throws IOException {
    picture("data/cat/1.png", 1);
    succeeds(train("data", "run"));
    Path config = folder.resolve("run/config.json");
    Files.writeString(config, "{\n\"teacher\": {\"seed\": 1e400000000,\n");
    assertTrue(refused(train("data", "run")).contains(config + ": line "));
    assertTrue(refused(train("data", "new", "--config", config)).contains(config + ": line "));
    assertTrue(
        refused(train("data", "new", "--config", folder)).contains("is a folder, expected a JSON"));
    for (String[] bad :
        new String[][] {
          {"{\"teacher\":{\"run\":{\"ba\u001b[2Jtch\":8}}}", "teacher.run.ba?[2Jtch: there is no"},
          {"{\"teacher\":{\"network\":null}}", "network and run must be given"},
          {"{\"teacher\":{\"run\":{\"batch\":1e400000000}}}", "teacher.run.batch: "},
          {"{\"teacher\":{\"run\":{\"optimizer\":null}}}", "optimizer and weighting must be"},
          {"{\"teacher\":{\"labelDropout\":7}}", "label dropout must lie in [0, 1]"},
          {"{\"teacher\":{\"network\":7}}", "teacher.network: expected an object"},
        }) {
      Files.writeString(config, bad[0].replace("\u001b", "\\u001b"));
      String line = refused(train("data", "new", "--config", config));
      assertTrue(line.contains(bad[1]), line);
    }
    for (String[] bad :
        new String[][] {{"", "nothing"}, {" \n", "nothing"}, {"[]", "a list"}, {"null", "null"}}) {
      Files.writeString(config, bad[0]);
      String line = config + ": expected an object of settings, found " + bad[1];
      assertTrue(refused(train("data", "run")).endsWith(line), line);
      assertTrue(refused(train("data", "new", "--config", config)).endsWith(line), line);
    }
    Files.writeString(config, "{\"teacher\": {\"seed\": 1e400000000}}");
    assertTrue(refused(train("data", "run")).contains("run"));
  }

  @Test
  void dataOfOtherClassesIsNotDistilledOn() throws IOException {
    picture("digits/0/1.png", 1);
    picture("digits/1/1.png", 2);
    picture("clothes/coat/1.png", 1);
    picture("clothes/shoe/1.png", 2);
    succeeds(train("digits", "teacher"));
    Path teacher = folder.resolve("teacher/teacher.safetensors");
    String line =
        refused(
            "distill",
            "--preset",
            "tiny",
            "--updates",
            "1",
            "--threads",
            "1",
            "--teacher",
            teacher,
            "--data",
            folder.resolve("clothes"),
            "--out",
            folder.resolve("students"));
    assertTrue(line.contains("2 classes that the model does not have: coat, shoe"), line);
    line =
        refused(
            "quantize",
            "--threads",
            "1",
            "--model",
            teacher,
            "--images",
            "1",
            "--data",
            folder.resolve("clothes"),
            "--out",
            folder.resolve("int8.safetensors"));
    assertTrue(line.contains("that the model does not have"), line);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0,1,10,11,2,3|0-3|0,1,4,5",
        "0,1,10,11,2,3|2-11|4,5,2,3",
        "0,1,10,11,2,3|10|2",
        "0,1,10,11,2,3|all|0,1,2,3,4,5",
        "0-9,10-19,all|0-9|0",
        "0-9,10-19,all|10-19,0-9|1,0",
        "0-9,10-19,all|all|2",
        "0-9,10-19,all|0-2|0,1,2",
        "a;b,c,d|\"a;b\",d|0,2",
        "Cat,cat,dog|cat|1",
        "Cat,cat,dog|Cat,do|0,2",
        "Coat,Sneaker,Boot|0,2,sneak|0,2,1",
      })
  void labelsGoByName(String names, String labels, String expected) throws IOException {
    try (DiffusionModel model = model(names)) {
      int[] wanted = Arrays.stream(expected.split(",")).mapToInt(Integer::parseInt).toArray();
      assertArrayEquals(wanted, LabelList.parse(labels.replace(';', ','), model));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0,1,10,11,2,3|5", // no class is called so, though there are six
        "0,1,10,11,2,3|0-5",
        "Cat,cat,dog|CAT", // two
        "Coat,Sneaker,Boot|3",
        "Coat,Sneaker,Boot|\"Coat",
        "Coat,Sneaker,Boot|\"coat\"",
      })
  void labelsThatAreNoneAreRefused(String names, String labels) throws IOException {
    try (DiffusionModel model = model(names)) {
      RuntimeException refused =
          assertThrows(RuntimeException.class, () -> LabelList.parse(labels, model));
      assertTrue(
          refused instanceof IllegalArgumentException || refused instanceof InputException,
          refused.toString());
    }
  }

  /** A model whose classes are called so; a semicolon stands for a comma. */
  private DiffusionModel model(String names) throws IOException {
    List<String> classes =
        Arrays.stream(names.split(",")).map(name -> name.replace(';', ',')).toList();
    ModelCard card = ModelCard.teacher("x", classes, Map.of());
    Path file = folder.resolve("model.safetensors");
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network =
            TinyModels.network(
                device,
                UNetConfig.fromJson(
                    TinyModels.config()
                        .toJson()
                        .replace("\"num_classes\":3", "\"num_classes\":" + classes.size())),
                card)) {
      network.save(file, card, Dtype.F32);
    }
    return DiffusionModel.open(file);
  }

  @Test
  void aFolderWithoutSplitsIsAReference() throws IOException {
    for (int i = 0; i < 24; i++) {
      picture("samples/" + i + ".png", i);
      picture("real/" + (i % 2 == 0 ? "cat/" : "dog/") + i + ".png", i + 3);
    }
    Path classifier = folder.resolve("classifier/classifier.safetensors");
    succeeds(
        "train-classifier",
        "--preset",
        "tiny",
        "--updates",
        "1",
        "--threads",
        "1",
        "--data",
        folder.resolve("real"),
        "--out",
        classifier.getParent());
    Object[] evaluate = {
      "evaluate",
      "--threads",
      "1",
      "--images",
      folder.resolve("samples"),
      "--reference",
      folder.resolve("real"),
      "--classifier",
      classifier,
      "--cache",
      folder.resolve("kept")
    };
    String out = succeeds(evaluate);
    assertTrue(out.contains("reference: real all, 24 images"), out);
    // What was kept is a shortcut: damaged, it is made again.
    Path kept;
    try (var files = Files.list(folder.resolve("kept"))) {
      kept = files.findFirst().orElseThrow();
    }
    byte[] whole = Files.readAllBytes(kept);
    Files.write(kept, Arrays.copyOf(whole, whole.length / 2));
    String again = succeeds(evaluate);
    assertTrue(again.contains("reading the reference again: " + kept), again);
    assertArrayEquals(whole, Files.readAllBytes(kept));
    // A file in the place of the folder: nothing can be kept, and nothing is lost.
    Files.delete(kept);
    Files.delete(folder.resolve("kept"));
    Files.writeString(folder.resolve("kept"), "in the way");
    assertTrue(succeeds(evaluate).contains("the reference is not kept: "));
  }

  @Test
  void theAccuracyOfAClassifierGoesByNames() throws IOException {
    for (int i = 0; i < 4; i++) {
      picture("data/train/ant/" + i + ".png", 1);
      picture("data/train/bee/" + i + ".png", 9);
      picture("data/train/cat/" + i + ".png", 17);
      picture("data/test/cat/" + i + ".png", 17);
    }
    String out =
        succeeds(
            "train-classifier",
            "--preset",
            "tiny",
            "--updates",
            "120",
            "--threads",
            "1",
            "--data",
            folder.resolve("data"),
            "--out",
            folder.resolve("classifier"));
    assertTrue(out.contains("accuracy on 4 test images: 100.00 %"), out);
  }
}
