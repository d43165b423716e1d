package org.halfstep.cli;

import static org.halfstep.cli.Commands.halfstep;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import javax.imageio.ImageIO;
import org.halfstep.checkpoint.TinyClip;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images beside their captions, and pictures of captions. */
class EvaluateCaptionsTest {
  private static final int IMAGES = 20;

  @TempDir private Path folder;

  private static void write(Path file, int count, int side, int channels, long seed)
      throws IOException {
    byte[] pixels = new byte[count * side * side * channels];
    new Random(seed).nextBytes(pixels);
    ImageBatch noise = new ImageBatch(count, side, side, channels, pixels);
    SampleBatchFile.write(file, count, Optional.empty(), () -> noise);
  }

  @Test
  void imagesAreComparedWithTheirCaptions() throws IOException {
    Path clip = TinyClip.write(folder.resolve("clip"));
    Path samples = folder.resolve("samples.npz");
    // Of the size that the bundled classifier takes, which is quick.
    int side = 28;
    write(samples, IMAGES, side, 1, 2);
    Path real = folder.resolve("real.npz");
    write(real, IMAGES, side, 1, 5);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < IMAGES; i++) {
      lines.add(i % 2 == 0 ? "a photo of a cat" : "the red house " + i);
    }
    lines.set(3, "a cat ".repeat(40));
    Path captions = Files.write(folder.resolve("captions.txt"), lines);
    Path json = folder.resolve("captions.json");
    Object[] command = {
      "evaluate",
      "--images=" + samples,
      "--reference=" + real,
      "--cache=" + folder.resolve("cache"),
      "--captions=" + captions,
      "--clip=" + clip,
      "--out=" + json
    };
    Commands.Outcome done = halfstep(command);
    assertEquals(0, done.code(), done.err());
    assertTrue(done.out().contains("CLIP ViT-64/8, SHA-256 "), done.out());
    assertTrue(done.out().contains("1 are longer than CLIP reads"), done.out());
    assertTrue(done.out().contains("CLIP score "), done.out());
    JsonNode written = new ObjectMapper().readTree(json.toFile());
    assertEquals("ViT-64/8", written.at("/captions/clip").asText());
    assertEquals(64, written.at("/captions/sha256").asText().length());
    double cosine = written.at("/results/0/clipCosine").asDouble();
    assertTrue(Math.abs(cosine) > 0 && Math.abs(cosine) < 1, "" + cosine);
    assertEquals(Math.max(0, 100 * cosine), written.at("/results/0/clipScore").asDouble(), 1e-12);
    // A folder of captioned pictures has the same captions, after one of another split.
    command[4] = "--captions=" + captioned(lines);
    assertEquals(0, halfstep(command).code());
    assertNotEquals(
        cosine, new ObjectMapper().readTree(json.toFile()).at("/results/0/clipCosine").asDouble());
    Object[] ofSplit = Arrays.copyOf(command, command.length + 1);
    ofSplit[command.length] = "--captions-split=held-out-pair";
    assertEquals(0, halfstep(ofSplit).code());
    assertEquals(
        cosine, new ObjectMapper().readTree(json.toFile()).at("/results/0/clipCosine").asDouble());
    command[4] = "--captions=" + captions;
    // Captions in another order agree otherwise.
    Files.write(captions, lines.reversed());
    assertEquals(0, halfstep(command).code());
    assertNotEquals(
        cosine, new ObjectMapper().readTree(json.toFile()).at("/results/0/clipCosine").asDouble());
    Files.write(captions, lines.subList(0, 7));
    Commands.Outcome few = halfstep(command);
    assertEquals(2, few.code());
    assertTrue(few.err().contains("has 7 captions for 20 images"), few.err());
    assertTrue(
        halfstep("evaluate", "--images=" + samples, "--captions=" + captions)
            .err()
            .contains("give --clip FOLDER as well"));
    assertTrue(
        halfstep("evaluate", "--captions=" + captions, "--clip=" + clip)
            .err()
            .contains("--captions go with models of texts, and with --images"));
  }

  private Path captioned(List<String> captions) throws IOException {
    Path data = Files.createDirectories(folder.resolve("captioned"));
    List<String> table = new ArrayList<>(List.of("file\tcaption\tsplit", "0.png\tnothing\ttrain"));
    BufferedImage picture = new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i <= captions.size(); i++) {
      ImageIO.write(picture, "png", data.resolve(i + ".png").toFile());
      if (i > 0) {
        table.add(i + ".png\t" + captions.get(i - 1) + "\theld-out-pair");
      }
    }
    Files.write(data.resolve("captions.tsv"), table);
    return data;
  }

  @Test
  void aModelOfTextsMakesPicturesOfCaptions() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    Path pipeline = folder.resolve("tiny").resolve("diffusers");
    Path clip = TinyClip.write(folder.resolve("clip"));
    Path classifier = folder.resolve("classifier.safetensors");
    int side = 64;
    try (Device device = new CpuDevice();
        Network<ClassifierConfig, ClassifierCard> network =
            Network.fresh(
                device,
                new ClassifierConfig(side, 3, 4, List.of(8, 8, 8)),
                new ClassifierCard("none", List.of("a", "b", "c", "d"), Map.of()),
                3)) {
      network.save(classifier, network.card(), Dtype.F32);
    }
    Path real = folder.resolve("real.npz");
    write(real, IMAGES, side, 3, 5);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < IMAGES; i++) {
      lines.add("a photo of a cat and " + i);
    }
    Path captions = Files.write(folder.resolve("captions.txt"), lines);
    Path json = folder.resolve("texts.json");
    Commands.Outcome done =
        halfstep(
            "evaluate",
            "--model=" + pipeline,
            "--steps=1",
            "--guidance=0",
            "--captions=" + captions,
            "--clip=" + clip,
            "--classifier=" + classifier,
            "--reference=" + real,
            "--cache=" + folder.resolve("cache"),
            "--out=" + json);
    assertEquals(0, done.code(), done.err());
    JsonNode written = new ObjectMapper().readTree(json.toFile());
    assertEquals(IMAGES, written.at("/results/0/images").asInt());
    assertEquals(1, written.at("/samples/networkEvaluationsPerImage").asInt());
    assertEquals("64x64", written.at("/samples/size").asText());
    assertTrue(written.at("/results/0").has("clipCosine"));
    assertTrue(written.at("/results/0/fid").asDouble() > 0);
    // The pictures are those that sample makes of the captions, in their order.
    Path samples = folder.resolve("samples.npz");
    List<Object> words =
        new ArrayList<>(List.of("sample", "--model=" + pipeline, "--steps=1", "--guidance=0"));
    lines.forEach(line -> words.addAll(List.of("--prompt", line)));
    words.add("--npz=" + samples);
    Commands.Outcome made = halfstep(words.toArray());
    assertEquals(0, made.code(), made.err());
    Path again = folder.resolve("again.json");
    Commands.Outcome same =
        halfstep(
            "evaluate",
            "--images=" + samples,
            "--captions=" + captions,
            "--clip=" + clip,
            "--classifier=" + classifier,
            "--reference=" + real,
            "--cache=" + folder.resolve("cache"),
            "--out=" + again);
    assertEquals(0, same.code(), same.err());
    JsonNode files = new ObjectMapper().readTree(again.toFile());
    assertEquals(
        files.at("/results/0/clipCosine").asDouble(),
        written.at("/results/0/clipCosine").asDouble(),
        1e-6);
    assertTrue(
        halfstep("evaluate", "--model=" + pipeline)
            .err()
            .contains("give --captions FILE and --clip FOLDER"));
  }
}
