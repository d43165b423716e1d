package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.halfstep.checkpoint.BertDescription;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.files.Json;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.WritableTensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From pictures with captions through an autoencoder and a teacher to a picture of a prompt. */
class TrainOnLatentsTest {
  private static final int SIDE = 16;
  private static final List<Color> COLOURS = List.of(Color.RED, Color.GREEN, Color.BLUE);
  private static final List<String> NAMES = List.of("red", "green", "blue");

  @TempDir private static Path folder;

  @BeforeAll
  static void autoencoder() throws IOException {
    Path data = Files.createDirectories(folder.resolve("data"));
    List<String> lines = new ArrayList<>(List.of("file\tcaption\tlabel\tstyle\ttags\tsplit"));
    for (int colour = 0; colour < NAMES.size(); colour++) {
      for (String shape : List.of("disc", "square")) {
        String name = NAMES.get(colour) + " " + shape;
        String file = name.replace(' ', '-') + ".png";
        draw(data.resolve(file), COLOURS.get(colour), shape);
        String split = name.equals("blue disc") ? "held out" : "train";
        lines.add(file + "\ta " + name + "\t" + name + "\tflat\tshape, " + shape + "\t" + split);
      }
    }
    Files.write(data.resolve("captions.tsv"), lines);
    String out =
        succeeds("train-autoencoder", "--updates", "2", "--out", folder.resolve("autoencoder"));
    assertTrue(out.contains("pictures are mirrored at random"), out);
  }

  private static void draw(Path file, Color colour, String shape) throws IOException {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, SIDE, SIDE);
    graphics.setColor(colour);
    if (shape.equals("disc")) {
      graphics.fillOval(4, 4, 8, 8);
    } else {
      graphics.fillRect(4, 4, 8, 8);
    }
    graphics.dispose();
    ImageIO.write(image, "png", file.toFile());
  }

  private static String succeeds(String command, Object... more) {
    List<Object> all = new ArrayList<>(List.of(command, "--preset", "tiny", "--threads", "1"));
    all.addAll(List.of(more));
    if (!all.contains("--data")) {
      all.addAll(List.of("--data", folder.resolve("data")));
    }
    Commands.Outcome outcome = Commands.halfstep(all.toArray());
    assertEquals(0, outcome.code(), outcome.err());
    return outcome.out();
  }

  private static String train(String out, Object... more) {
    Object[] base = {"--autoencoder", folder.resolve("autoencoder"), "--out", folder.resolve(out)};
    Object[] all = Arrays.copyOf(base, base.length + more.length);
    System.arraycopy(more, 0, all, base.length, more.length);
    return succeeds("train", all);
  }

  private static byte[] weights(String run) throws IOException {
    return Files.readAllBytes(
        folder.resolve(run).resolve("teacher/unet/diffusion_pytorch_model.safetensors"));
  }

  @Test
  void theLossOnHeldOutPicturesIsMeasuredAndChangesNothing() throws IOException {
    String said = train("watched", "--updates", "2", "--held-out", "4");
    assertTrue(said.contains("teacher: held-out loss "), said);
    assertEquals(2, Files.readAllLines(folder.resolve("watched/held-out.csv")).size());
    train("unwatched", "--updates", "2");
    assertArrayEquals(weights("unwatched"), weights("watched"));
  }

  @Test
  void whatComesOutIsSampled() throws IOException {
    String out = train("run", "--updates", "3");
    assertTrue(out.contains("5 pictures as latents of 8x8x4"), out);
    assertTrue(out.contains("pictures are not mirrored"), out);
    assertTrue(Files.exists(folder.resolve("run/latents.safetensors")));
    String config = Files.readString(folder.resolve("run/config.json"));
    assertTrue(config.contains("\"latentTeacher\"") && config.contains("\"autoencoder\""), config);
    Path pictures = folder.resolve("pictures");
    Commands.Outcome sampled =
        Commands.halfstep(
            "sample",
            "--threads",
            "1",
            "--model",
            folder.resolve("run/teacher"),
            "--prompt",
            "a red disc",
            "--steps",
            "2",
            "--out",
            pictures);
    assertEquals(0, sampled.code(), sampled.err());
    BufferedImage picture = ImageIO.read(pictures.resolve("seed-0-image-0.png").toFile());
    assertEquals(SIDE, picture.getWidth());
    // The same command once more has nothing to do, and latents that are there are taken.
    assertTrue(train("run", "--updates", "3").contains("is finished, nothing is left to do"));
    train("again", "--updates", "3", "--latents", folder.resolve("run/latents.safetensors"));
    assertArrayEquals(weights("run"), weights("again"));
    assertFalse(Files.exists(folder.resolve("again/latents.safetensors")));
  }

  /** A text encoder that is not trained: contexts are kept, and what comes out has it in it. */
  @Test
  void aTextEncoderMayBeNamed() throws IOException {
    Path text = Files.createDirectories(folder.resolve("text"));
    List<String> words = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "disc");
    BertDescription network = new BertDescription(words.size(), 40, 2, 16, 24, 1, 4);
    Json.write(text.resolve("config.json"), network.toJson());
    HashedTensors hashed = new HashedTensors(network);
    List<WritableTensor> tensors = new ArrayList<>();
    network.shapes().keySet().forEach(name -> tensors.add(hashed.writable(name, null)));
    SafetensorsWriter.write(text.resolve("model.safetensors"), tensors, Map.of());
    Files.write(text.resolve("vocab.txt"), words);
    String out = train("frozen", "--updates", "2", "--text", text);
    assertTrue(out.contains("which are not trained"), out);
    assertTrue(Files.exists(folder.resolve("frozen/contexts.safetensors")));
    Path made = folder.resolve("frozen-pictures");
    Commands.Outcome sampled =
        Commands.halfstep(
            "sample",
            "--threads",
            "1",
            "--model",
            folder.resolve("frozen/teacher"),
            "--prompt",
            "a red disc",
            "--steps",
            "2",
            "--out",
            made);
    assertEquals(0, sampled.code(), sampled.err());
    assertTrue(Files.exists(made.resolve("seed-0-image-0.png")));
    // What begins with it has its text encoder, whether or not that is named.
    train("frozen-on", "--updates", "1", "--from", folder.resolve("frozen/teacher"));
    assertTrue(Files.exists(folder.resolve("frozen-on/contexts.safetensors")));
    String other =
        refused(
            "train",
            "--preset",
            "tiny",
            "--data",
            folder.resolve("data"),
            "--autoencoder",
            folder.resolve("autoencoder"),
            "--text",
            folder.resolve("data"),
            "--out",
            folder.resolve("no-text"));
    assertTrue(other.contains("expected the folder of a text encoder of BERT's kind"), other);
  }

  /**
   * Captions beside pictures; one that has none is no part of the data, for its latents neither.
   */
  @Test
  void captionsMayLieInFilesOfTheirOwn() throws IOException {
    Path data = Files.createDirectories(folder.resolve("texts"));
    for (int i = 0; i < COLOURS.size(); i++) {
      draw(data.resolve(i + ".png"), COLOURS.get(i), "disc");
      if (i > 0) {
        Files.writeString(data.resolve(i + ".txt"), "a " + NAMES.get(i) + " disc");
      }
    }
    String out = train("of-texts", "--data", data, "--updates", "1");
    assertTrue(out.contains("2 pictures as latents of 8x8x4, 2 captions"), out);
    assertTrue(out.contains("1 picture without a caption"), out);
    assertTrue(out.contains("pictures are not mirrored"), out);
  }

  @Test
  void beginsWithAModel() throws IOException {
    train("first", "--updates", "2");
    Path model = folder.resolve("first/teacher");
    train("second", "--updates", "2", "--from", model);
    String config = Files.readString(folder.resolve("second/config.json"));
    assertTrue(config.contains("\"from\"") && config.contains("\"warmUp\" : 100"), config);
    assertFalse(Arrays.equals(weights("first"), weights("second")));
  }

  @Test
  void captionsAreMadeAsAsked() throws IOException {
    train("usual", "--updates", "2");
    train("asked", "--updates", "2", "--captions-as", "a picture of a {label}");
    String config = Files.readString(folder.resolve("asked/config.json"));
    assertTrue(config.contains("a picture of a {label}"), config);
    assertFalse(Arrays.equals(weights("usual"), weights("asked")));
    for (List<String> wrong :
        List.of(
            List.of("{label", "--captions-as: \"{label\": expected names of columns in braces"),
            List.of("{colour}", "no picture has \"colour\"; there are caption, label"))) {
      String line =
          refused(
              "train",
              "--preset=tiny",
              "--data=" + folder.resolve("data"),
              "--autoencoder=" + folder.resolve("autoencoder"),
              "--captions-as=" + wrong.getFirst(),
              "--out=" + folder.resolve("none"));
      assertTrue(line.contains(wrong.getLast()), line);
    }
  }

  @Test
  void refusesWhatHasNoMeaning() {
    assertEquals(
        "halfstep: --latents: latents are an autoencoder's; name it by --autoencoder",
        refused("train", "--latents", "x", "--out", folder.resolve("pixels")));
    String line =
        refused(
            "train",
            "--preset",
            "tiny",
            "--data",
            folder,
            "--autoencoder",
            folder.resolve("data"),
            "--out",
            folder.resolve("none"));
    assertTrue(line.contains("expected captions: a captions.tsv"), line);
    String channels =
        refused(
            "train",
            "--autoencoder",
            folder.resolve("autoencoder"),
            "--channels",
            3,
            "--out",
            folder.resolve("none"));
    assertTrue(channels.startsWith("halfstep: --channels: latents have"), channels);
  }
}
