package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.halfstep.checkpoint.TinyPipeline;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A caption scorer from the command line, and what {@code evaluate} says by it. */
class TrainCaptionScorerCommandTest {
  private static final int SIDE = 16;

  /** Of a split each, of which metrics need twenty. */
  private static final int PICTURES = 20;

  @TempDir private static Path folder;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    Path data = Files.createDirectories(folder.resolve("data"));
    List<String> lines = new ArrayList<>(List.of("file\tcaption\tsplit"));
    for (int i = 0; i < 2 * PICTURES; i++) {
      BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
      Graphics2D graphics = image.createGraphics();
      graphics.setColor(new Color(40 + 5 * i, 250 - 5 * i, 3 * i));
      graphics.fillRect(2, i / 4, 9, 6);
      graphics.dispose();
      ImageIO.write(image, "png", data.resolve(i + ".png").toFile());
      String split = i % 2 == 0 ? "train" : "held-out-pair";
      lines.add(i + ".png\ta photo of a cat " + i + "\t" + split);
    }
    Files.write(data.resolve("captions.tsv"), lines);
  }

  private static Commands.Outcome train(Path out, Object... more) {
    List<Object> all =
        new ArrayList<>(
            List.of(
                "train-caption-scorer",
                "--preset=tiny",
                "--threads=1",
                "--data=" + folder.resolve("data"),
                "--text=" + folder.resolve("tiny").resolve("diffusers"),
                "--out=" + out));
    all.addAll(List.of(more));
    return Commands.halfstep(all.toArray());
  }

  @Test
  void itIsTrainedAndMeasures() throws IOException {
    Path scorer = folder.resolve("scorer");
    Commands.Outcome done = train(scorer, "--updates=3");
    assertEquals(0, done.code(), done.err());
    assertTrue(done.out().contains("20 pictures, 20 captions"), done.out());
    assertTrue(done.out().contains("pictures are not mirrored"), done.out());
    assertTrue(
        done.out().contains("held-out-pair: the right caption among 20 is found for "), done.out());
    assertFalse(done.out().contains("train: the right caption"), done.out());
    assertTrue(Files.readString(scorer.resolve("config.json")).contains("\"captionScorer\""));
    byte[] weights = Files.readAllBytes(scorer.resolve("scorer.safetensors"));
    Commands.Outcome again = train(scorer, "--updates=3");
    assertTrue(again.out().contains("is finished; there is nothing left to do"), again.out());
    assertArrayEquals(weights, Files.readAllBytes(scorer.resolve("scorer.safetensors")));
    assertTrue(train(scorer, "--updates=3", "--batch=5").err().contains("captionScorer.batch"));

    Path json = folder.resolve("evaluation.json");
    Path images = Files.createDirectories(folder.resolve("images"));
    for (int i = 0; i < PICTURES; i++) {
      Files.copy(
          folder.resolve("data").resolve(2 * i + 1 + ".png"),
          images.resolve(String.format("%02d.png", i)));
    }
    Commands.Outcome measured =
        Commands.halfstep(
            "evaluate",
            "--threads=1",
            "--images=" + images,
            "--reference=" + folder.resolve("data"),
            "--cache=" + folder.resolve("cache"),
            "--captions=" + folder.resolve("data"),
            "--captions-split=held-out-pair",
            "--scorer=" + scorer,
            "--out=" + json);
    assertEquals(0, measured.code(), measured.err());
    assertTrue(measured.out().contains("extractor: data caption scorer"), measured.out());
    assertTrue(measured.out().contains("caption score "), measured.out());
    assertTrue(measured.out().contains("the right caption among 20 is found"), measured.out());
    JsonNode written = new ObjectMapper().readTree(json.toFile());
    assertEquals("data caption scorer", written.at("/captions/scorer").asText());
    double cosine = written.at("/results/0/captionCosine").asDouble();
    assertTrue(Math.abs(cosine) > 0 && Math.abs(cosine) < 1, "" + cosine);
    assertEquals(20, written.at("/results/0/retrievalAmong").asInt());
    assertFalse(written.at("/results/0").has("inceptionScore"));
    assertTrue(written.at("/results/0").has("kid"));
  }

  @Test
  void whatCannotBeIsRefused() {
    assertTrue(
        Commands.refused(
                "train-caption-scorer",
                "--preset=tiny",
                "--data=" + folder.resolve("data"),
                "--text=" + folder.resolve("data"),
                "--out=" + folder.resolve("none"))
            .contains("model_index.json"));
    Commands.Outcome both =
        Commands.halfstep(
            "evaluate",
            "--images=" + folder.resolve("data"),
            "--captions=" + folder.resolve("data"),
            "--clip=" + folder,
            "--scorer=" + folder);
    assertTrue(both.err().contains("give one of them"), both.err());
  }
}
