package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import javax.imageio.ImageIO;
import org.halfstep.checkpoint.BertCheckpoint;
import org.halfstep.checkpoint.BertDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.data.CaptionOptions;
import org.halfstep.data.CaptionTemplate;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.graph.GradientCheck;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.CaptionMeter;
import org.halfstep.metrics.CaptionScorer;
import org.halfstep.metrics.ClipScore;
import org.halfstep.metrics.QualityMeter;
import org.halfstep.metrics.ReferenceImages;
import org.halfstep.model.CaptionScorerConfig;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A caption scorer learns which caption is whose, and goes on where it was stopped. */
class CaptionScorerRunTest {
  private static final int SIDE = 16;
  private static final int UPDATES = 60;
  private static final List<Color> COLOURS =
      List.of(Color.RED, Color.GREEN, Color.BLUE, Color.YELLOW);
  private static final List<String> NAMES = List.of("red", "cat", "house", "sea");

  @TempDir private static Path shared;

  @TempDir private Path folder;
  private double firstLoss = Double.NaN;
  private double lastLoss;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(shared.resolve("tiny"));
    Path data = Files.createDirectories(shared.resolve("data"));
    List<String> lines = new ArrayList<>(List.of("file\tcaption"));
    for (int i = 0; i < 4 * COLOURS.size(); i++) {
      BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
      Graphics2D graphics = image.createGraphics();
      graphics.setColor(COLOURS.get(i % COLOURS.size()));
      graphics.fillRect(i / 4, i / 4, 8 + i / 4, 8);
      graphics.dispose();
      ImageIO.write(image, "png", data.resolve(i + ".png").toFile());
      lines.add(i + ".png\ta " + NAMES.get(i % COLOURS.size()));
    }
    Files.write(data.resolve("captions.tsv"), lines);
  }

  private static CaptionScorerSettings settings() {
    return new CaptionScorerSettings(
        new CaptionScorerShape(SIDE, 3, List.of(8, 16, 16), 8),
        8,
        UPDATES,
        2e-2,
        3,
        new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, 0.9),
        DataType.F32,
        false,
        3,
        25);
  }

  private static CaptionedPictures pictures() throws IOException {
    return CaptionedPictures.open(
        shared.resolve("data"),
        CaptionOptions.training().withTemplates(CaptionTemplate.list(List.of("{caption}"))));
  }

  private static ImageDataset images(CaptionedPictures pictures, int side) throws IOException {
    return pictures.load(DatasetOptions.of(Split.TRAIN).withSize(side, side, 3));
  }

  private boolean run(Path to, int side, BooleanSupplier stop) throws IOException {
    try (Checkpoint model =
        Checkpoint.open(
            shared.resolve("tiny").resolve("diffusers"), CheckpointOptions.standard())) {
      return run(model, to, side, stop);
    }
  }

  private boolean run(Checkpoint model, Path to, int side, BooleanSupplier stop)
      throws IOException {
    CaptionedPictures pictures = pictures();
    try (Device device = new CpuDevice(2);
        ImageDataset images = images(pictures, side)) {
      return CaptionScorerRun.run(
          device,
          new CaptionedImages(images, pictures, false),
          "shapes",
          settings(),
          model,
          to,
          Resume.NEWEST,
          new Losses(),
          stop);
    }
  }

  private final class Losses implements RunListener {
    @Override
    public void phase(String name, long updatesDone, long updatesTotal) {}

    @Override
    public void update(
        long done, long total, double loss, double learningRate, double gradientNorm) {
      firstLoss = Double.isNaN(firstLoss) ? loss : firstLoss;
      lastLoss = loss;
    }

    @Override
    public void saved(Path file) {}

    @Override
    public void note(String line) {}
  }

  @Test
  void itsGradientsAreThoseOfDifferences() {
    GradientCheck.of(new CaptionScorerConfig(8, 3, List.of(8, 16), 5, 8).graph(), 3, 2);
  }

  @Test
  void itLearnsAndGoesOnWhereItWasStopped() throws IOException {
    Path whole = folder.resolve("whole");
    assertTrue(run(whole, SIDE, () -> false));
    assertTrue(lastLoss < 0.3 * firstLoss, firstLoss + " became only " + lastLoss);

    Path stopped = folder.resolve("stopped");
    int[] asked = {0};
    assertFalse(run(stopped, SIDE, () -> ++asked[0] == UPDATES / 3));
    assertFalse(Files.exists(stopped.resolve(CaptionScorerFolder.FILE)));
    assertTrue(run(stopped, SIDE, () -> false));
    assertArrayEquals(
        Files.readAllBytes(whole.resolve(CaptionScorerFolder.FILE)),
        Files.readAllBytes(stopped.resolve(CaptionScorerFolder.FILE)));
    scores(whole);
    isRefusedWithAnotherText(whole);
  }

  private static void scores(Path folder) throws IOException {
    CaptionedPictures pictures = pictures();
    try (Device device = new CpuDevice(2);
        ImageDataset images = images(pictures, SIDE);
        CaptionScorer scorer = CaptionScorer.open(device, folder)) {
      List<String> captions = new ArrayList<>();
      for (int i = 0; i < pictures.count(); i++) {
        captions.add(pictures.texts().all().get(pictures.texts().own(i)));
      }
      ImageBatch all = images.batch(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      CaptionMeter right = new CaptionMeter(scorer, captions);
      right.add(all);
      assertEquals(1, right.retrieval().accuracy(), "of pictures that it learned from");
      CaptionMeter wrong = new CaptionMeter(scorer, captions.reversed());
      wrong.add(all);
      assertTrue(right.score().cosine() > 0.3 + wrong.score().cosine());
      // An embedding does not depend on what else is in the batch.
      assertArrayEquals(scorer.images(all)[5], scorer.images(images.batch(5))[0]);

      assertEquals("shapes caption scorer", scorer.name());
      assertTrue(scorer.cuts("a cat ".repeat(60)) && !scorer.cuts("a cat"));
      // Its features measure pictures; it has no classes to score.
      ReferenceImages reference = ReferenceImages.of(scorer, images, "shapes");
      QualityMeter meter = new QualityMeter(scorer, reference, 32);
      meter.add(all);
      meter.add(all);
      assertEquals(0, meter.results().getFirst().fid(), 0.1);
      assertTrue(Double.isNaN(meter.results().getFirst().inceptionScore()));
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () -> scorer.images(new ImageBatch(1, 8, 8, 3, new byte[192])));
      assertTrue(refused.getMessage().contains("takes images of 16x16x3, got 8x8x3"));
    }
  }

  /** A small encoder of BERT's kind with random weights. */
  private static Path bert() throws IOException {
    List<String> words =
        List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "cat", "house", "sea");
    Path folder = Files.createDirectory(shared.resolve("bert"));
    BertDescription network = new BertDescription(words.size(), 9, 2, 16, 24, 1, 4);
    Json.write(folder.resolve("config.json"), network.toJson());
    Files.write(folder.resolve("vocab.txt"), words);
    HashedTensors hashed = new HashedTensors(network);
    List<NamedTensor> tensors = new ArrayList<>();
    for (String name : network.shapes().keySet()) {
      TensorView tensor = hashed.find(name).orElseThrow();
      tensors.add(new NamedTensor(name, tensor.dtype(), tensor.shape(), tensor.data()));
    }
    SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
    return folder;
  }

  @Test
  void textsAreReadByEncodersOfTheOtherKindAsWell() throws IOException {
    Path text = bert();
    Path to = folder.resolve("of-bert");
    try (BertCheckpoint encoder = BertCheckpoint.open(text);
        Checkpoint model = Checkpoint.assemble(text, List.of(encoder.component(8)), null, text)) {
      assertTrue(run(model, to, SIDE, () -> false));
    }
    assertTrue(lastLoss < 0.3 * firstLoss, firstLoss + " became only " + lastLoss);
    try (Device device = new CpuDevice(2);
        CaptionScorer scorer = CaptionScorer.open(device, to)) {
      double[] red = scorer.text("a red");
      assertEquals(8, red.length);
      assertTrue(ClipScore.cosine(red, scorer.text("a sea")) < 0.9, "texts are told apart");
      assertEquals(1, ClipScore.cosine(red, scorer.text("A  RED")), 1e-12);
    }
  }

  private static void isRefusedWithAnotherText(Path folder) throws IOException {
    Path weights = folder.resolve("text_encoder").resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 3] ^= 1;
    Files.write(weights, bytes);
    try (Device device = new CpuDevice(1)) {
      DataException refused =
          assertThrows(DataException.class, () -> CaptionScorer.open(device, folder));
      assertTrue(refused.getMessage().contains("is not the text encoder that"));
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class, () -> run(folder.resolve("out"), 8, () -> false));
    assertTrue(refused.getMessage().contains("takes 16x16x3 pictures, the data has 8x8x3"));
    assertThrows(
        IllegalArgumentException.class,
        () -> new CaptionScorerConfig(SIDE, 3, List.of(8, 16), 5, 12));
    assertThrows(
        IllegalArgumentException.class,
        () -> new CaptionScorerConfig(SIDE, 3, List.of(8, 16), 0, 8));
  }
}
