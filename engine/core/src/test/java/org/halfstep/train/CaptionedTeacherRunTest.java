package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.graph.Shape;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.TextUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.text.Tokenizer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A whole training of a text encoder and a latent UNet, killed and gone on with, and its folder.
 */
class CaptionedTeacherRunTest {
  private static final int UPDATES = 4;
  private static final long CHECKPOINT_EVERY = 2;
  private static final List<String> CAPTIONS =
      List.of("red cat", "blue cat", "cat", "red sea", "blue sea");
  private static final RandomLatents DATA = new RandomLatents(6, new Shape(8, 8, 4), CAPTIONS);

  @TempDir private static Path shared;
  @TempDir private Path folder;
  private Device device;
  private Checkpoint tiny;

  private static final class Crash extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  /** Hears each event as one line. */
  private record Events(List<String> lines, Consumer<List<String>> each) implements RunListener {
    private void event(String line) {
      lines.add(line);
      each.accept(lines);
    }

    @Override
    public void phase(String name, long done, long total) {
      event("phase " + name + " " + done);
    }

    @Override
    public void update(long done, long total, double loss, double rate, double norm) {
      event("update " + done + " " + loss + " " + norm);
    }

    @Override
    public void saved(Path file) {
      event("saved " + file.getFileName());
    }

    @Override
    public void note(String line) {
      event("note " + line);
    }
  }

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(shared.resolve("tiny"));
  }

  @BeforeEach
  void open() throws IOException {
    device = new CpuDevice();
    tiny = Checkpoint.open(shared.resolve("tiny/diffusers"), CheckpointOptions.standard());
  }

  @AfterEach
  void close() {
    tiny.close();
    device.close();
  }

  private static ObjectNode json(String text) {
    return Json.parse(ObjectNode.class, "test", text);
  }

  static CaptionedTeacherSettings settings() {
    return new CaptionedTeacherSettings(
        64,
        json(
            """
            {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 2, "max_position_embeddings": 6}"""),
        json(
            """
            {"block_out_channels": [32, 64], "layers_per_block": 1, "attention_head_dim": [2, 4],
             "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
             "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]}"""),
        20,
        new RunSettings(
            3, UPDATES, 1e-3, 2, false, OptimizerSettings.adam(0.9), LossWeighting.SNR_PLUS_1),
        0.2,
        true,
        5,
        CHECKPOINT_EVERY);
  }

  private boolean run(Path into, CaptionedTeacherStart start, Events events, BooleanSupplier stop)
      throws IOException {
    return CaptionedTeacherRun.run(
        device,
        DATA,
        "random",
        start,
        settings(),
        tiny.component(Part.AUTOENCODER).orElseThrow(),
        into,
        Resume.NEWEST,
        events,
        stop);
  }

  private static CaptionedTeacherStart fresh() {
    return CaptionedTeacherStart.fresh(settings(), CAPTIONS, List.of(), DATA.shape());
  }

  private static Events events() {
    return new Events(new ArrayList<>(), _ -> {});
  }

  /** Everything under a run's finished model, by its path. */
  private static Map<String, byte[]> model(Path run) throws IOException {
    Path root = run.resolve(CaptionedTeacherRun.FOLDER);
    Map<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> all = Files.walk(root)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        files.put(root.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    return files;
  }

  private static void assertSame(Map<String, byte[]> expected, Map<String, byte[]> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((name, bytes) -> assertArrayEquals(bytes, found.get(name), name));
  }

  @Test
  void aRunThatIsKilledAnywhereGoesOnToTheSameBits() throws IOException {
    Path whole = folder.resolve("whole");
    Events heard = events();
    assertTrue(run(whole, fresh(), heard, () -> false));
    Map<String, byte[]> expected = model(whole);
    for (int last = 1; last <= heard.lines().size(); last++) {
      Path crashed = folder.resolve("crashed-" + last);
      int end = last;
      Events dying =
          new Events(
              new ArrayList<>(),
              lines -> {
                if (lines.size() == end) {
                  throw new Crash();
                }
              });
      assertThrows(Crash.class, () -> run(crashed, fresh(), dying, () -> false));
      assertTrue(run(crashed, fresh(), events(), () -> false));
      assertSame(expected, model(crashed));
    }
    Events again = events();
    assertTrue(run(whole, fresh(), again, () -> false));
    assertEquals(1, again.lines().size(), "a finished run has nothing to do");
    assertTrue(again.lines().getFirst().startsWith("note "), again.lines().toString());
  }

  @Test
  void aRunThatIsAskedToStopDoesSoAfterACheckpoint() throws IOException {
    Path whole = folder.resolve("whole");
    run(whole, fresh(), events(), () -> false);
    Path stopped = folder.resolve("stopped");
    assertFalse(run(stopped, fresh(), events(), () -> true));
    assertFalse(Files.exists(stopped.resolve(CaptionedTeacherRun.FOLDER)));
    assertTrue(run(stopped, fresh(), events(), () -> false));
    assertSame(model(whole), model(stopped));
  }

  @Test
  void theFolderIsAWholeModel() throws IOException {
    run(folder, fresh(), events(), () -> false);
    Path model = folder.resolve(CaptionedTeacherRun.FOLDER);
    try (Checkpoint opened = Checkpoint.open(model, CheckpointOptions.standard())) {
      assertEquals(
          tiny.component(Part.AUTOENCODER).orElseThrow().sha256(),
          opened.component(Part.AUTOENCODER).orElseThrow().sha256());
      ModelCard card = opened.component(Part.UNET).orElseThrow().card().orElseThrow();
      assertEquals(ModelCard.Role.TEACHER, card.role());
      assertEquals("random", card.dataset());
      assertEquals("12", card.provenance().get("examples"));
      assertEquals("5", card.provenance().get("captions"));
      assertTrue(card.betas().zeroTerminal());
      Tokenizer tokenizer = opened.openTokenizer().orElseThrow();
      assertArrayEquals(
          fresh().tokenizer().sequence("blue cat", 6).ids(),
          tokenizer.sequence("blue cat", 6).ids());
      assertEquals("trailing", opened.scheduler().orElseThrow().spacing());
    }
    try (DiffusionModel sampled =
        DiffusionModel.open(model, ModelOptions.standard().withDevice(device))) {
      SampleRequest cat = sampled.request("red cat").withSteps(2).withGuidance(3);
      ImageBatch picture = sampled.sample(cat);
      assertEquals(64, picture.height(), "a latent of 8x8");
      assertFalse(
          Arrays.equals(
              picture.pixels(),
              sampled.sample(sampled.request("blue sea").withSteps(2).withGuidance(3)).pixels()),
          "the prompt has an effect");
    }
  }

  @Test
  void beginsWithTheWeightsOfAnotherModel() throws IOException {
    Path first = folder.resolve("first");
    run(first, fresh(), events(), () -> false);
    Path second = folder.resolve("second");
    Path third = folder.resolve("third");
    Path model = first.resolve(CaptionedTeacherRun.FOLDER);
    List<String> others = CAPTIONS.reversed();
    try (Checkpoint from = Checkpoint.open(model, CheckpointOptions.standard())) {
      CaptionedTeacherStart start =
          CaptionedTeacherStart.from(from, others, List.of(), DATA.shape());
      assertArrayEquals(
          fresh().tokenizer().encode("blue cat"), start.tokenizer().encode("blue cat"));
      try (Network<TextUNetConfig, ModelCard> begun =
          start.network(device, start.card("random", Map.of()), 99)) {
        for (Component part :
            List.of(
                from.component(Part.UNET).orElseThrow(),
                from.component(Part.TEXT_ENCODER).orElseThrow())) {
          for (String name : part.network().shapes().keySet()) {
            assertArrayEquals(
                part.tensors().find(name).orElseThrow().floats(),
                begun.weights().get(begun.graph().parameters().get(name)),
                name);
          }
        }
      }
      Events continued = events();
      run(second, start, continued, () -> false);
      run(third, fresh(), events(), () -> false);
      // Another run's folder is not gone on with.
      assertThrows(IllegalArgumentException.class, () -> run(third, start, events(), () -> false));
    }
    try (Checkpoint opened =
        Checkpoint.open(second.resolve(CaptionedTeacherRun.FOLDER), CheckpointOptions.standard())) {
      ModelCard card = opened.component(Part.UNET).orElseThrow().card().orElseThrow();
      assertTrue(card.provenance().containsKey("from"), card.provenance().toString());
    }
    byte[] before = Files.readAllBytes(CaptionedTeacherRun.weights(first));
    byte[] after = Files.readAllBytes(CaptionedTeacherRun.weights(second));
    byte[] without = Files.readAllBytes(CaptionedTeacherRun.weights(third));
    assertArrayEquals(before, without, "new weights are the same each time");
    assertFalse(Arrays.equals(before, after));
  }

  @Test
  void refusesModelsThatPredictNoise() {
    DataException refused =
        assertThrows(
            DataException.class,
            () -> CaptionedTeacherStart.from(tiny, CAPTIONS, List.of(), DATA.shape()));
    assertTrue(
        refused
            .getMessage()
            .endsWith(
                "predicts EPS: expected a teacher that predicts v; distillation brings others to"
                    + " it"),
        refused.getMessage());
  }

  @Test
  void refusesKeysThatFollowFromTheData() {
    CaptionedTeacherSettings known = settings();
    ObjectNode unet = known.unet().deepCopy().put("in_channels", 4);
    assertEquals(
        "unet.in_channels follows from the data and the autoencoder: leave it out",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    new CaptionedTeacherSettings(
                        64, known.text(), unet, 20, known.run(), 0.1, true, 1, 1))
            .getMessage());
  }
}
