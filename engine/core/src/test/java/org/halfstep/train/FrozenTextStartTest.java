package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.halfstep.checkpoint.BertCheckpoint;
import org.halfstep.checkpoint.BertDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.latent.ContextCache;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TextEncoder;
import org.halfstep.latent.TextEncoderOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.NetworkInputs;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.text.TokenSequence;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Teachers whose text encoder was trained before, here a small one of BERT's kind. */
class FrozenTextStartTest {
  private static final List<String> CAPTIONS =
      List.of("red cat", "blue cat", "cat", "red sea on a long day", "blue sea");
  private static final RandomLatents DATA = new RandomLatents(6, new Shape(8, 8, 4), CAPTIONS);
  private static final List<String> WORDS =
      List.of(
          "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "cat", "sea", "on", "a",
          "day", "lo", "##ng");
  private static final int WIDTH = 16;

  /** As many as the settings' positions, fewer than the encoder's. */
  private static final int TOKENS = 6;

  @TempDir private static Path shared;
  @TempDir private Path folder;
  private Device device;
  private Checkpoint tiny;
  private BertCheckpoint bert;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(shared.resolve("tiny"));
    Path text = Files.createDirectory(shared.resolve("text"));
    BertDescription network = new BertDescription(WORDS.size() + 2, 9, 2, WIDTH, 24, 2, 4);
    Json.write(text.resolve("config.json"), network.toJson());
    HashedTensors hashed = new HashedTensors(network);
    List<NamedTensor> tensors = new ArrayList<>();
    for (String name : network.shapes().keySet()) {
      TensorView tensor = hashed.find(name).orElseThrow();
      tensors.add(new NamedTensor(name, tensor.dtype(), tensor.shape(), tensor.data()));
    }
    SafetensorsWriter.write(text.resolve("model.safetensors"), tensors, Map.of());
    Files.write(text.resolve("vocab.txt"), WORDS);
  }

  @BeforeEach
  void open() throws IOException {
    device = new CpuDevice();
    tiny = Checkpoint.open(shared.resolve("tiny/diffusers"), CheckpointOptions.standard());
    bert = BertCheckpoint.open(shared.resolve("text"));
  }

  @AfterEach
  void close() {
    bert.close();
    tiny.close();
    device.close();
  }

  private FrozenTextStart.Encoder encoder() throws IOException {
    return new FrozenTextStart.Encoder(bert.component(TOKENS), bert.tokenizer(), bert.path());
  }

  private ContextCache contexts(Path run) throws IOException {
    Files.createDirectories(run);
    FrozenTextStart.Encoder encoder = encoder();
    return ContextCache.openOrMake(
        run.resolve("contexts.safetensors"),
        device,
        encoder.component(),
        encoder.tokenizer(),
        CAPTIONS,
        _ -> {});
  }

  private boolean run(Path into, TeacherStart start, BooleanSupplier stop) throws IOException {
    return CaptionedTeacherRun.run(
        device,
        DATA,
        "random",
        start,
        CaptionedTeacherRunTest.settings(),
        tiny.component(Part.AUTOENCODER).orElseThrow(),
        into,
        Resume.NEWEST,
        CheckpointsTest.silent(() -> {}),
        stop);
  }

  private boolean run(Path into, BooleanSupplier stop) throws IOException {
    try (ContextCache contexts = contexts(into)) {
      FrozenTextStart start =
          FrozenTextStart.fresh(
              CaptionedTeacherRunTest.settings(), encoder(), contexts, CAPTIONS, DATA.shape());
      return run(into, start, stop);
    }
  }

  /**
   * The states of each token, and zeros for the padding, which a cross-attention finds nothing in.
   */
  @Test
  void contextsAreTheStatesOfTokensBeforeThePadding() throws IOException {
    List<String> texts = new ArrayList<>(CAPTIONS);
    texts.add("");
    float[][] expected = new float[texts.size()][];
    try (TextEncoder encoder =
            TextEncoder.open(
                device, bert.component(TOKENS), bert.tokenizer(), TextEncoderOptions.standard());
        Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocate(encoder.contextBytes(), Float.BYTES);
      for (int i = 0; i < texts.size(); i++) {
        encoder.encode(List.of(texts.get(i)), one);
        expected[i] = one.toArray(ValueLayout.JAVA_FLOAT);
        TokenSequence tokens = bert.tokenizer().sequence(texts.get(i), TOKENS);
        for (int token = 0; token < TOKENS; token++) {
          float[] state = Arrays.copyOfRange(expected[i], token * WIDTH, (token + 1) * WIDTH);
          assertEquals(
              token >= tokens.used(), Arrays.equals(state, new float[WIDTH]), texts.get(i));
        }
      }
    }
    try (ContextCache contexts = contexts(folder)) {
      FrozenTextStart start =
          FrozenTextStart.fresh(
              CaptionedTeacherRunTest.settings(), encoder(), contexts, CAPTIONS, DATA.shape());
      ConditionedNetwork conditioned = start.open(device, start.card("random", Map.of()), 3);
      assertEquals(CAPTIONS.size(), conditioned.without().orElseThrow());
      try (var network = conditioned.network();
          Plan plan =
              Plan.inference(
                  device, network.graph(), PlanOptions.inference(texts.size()), network.values());
          NetworkInputs inputs = conditioned.inputs(plan)) {
        for (int row = 0; row < texts.size(); row++) {
          inputs.set(row, 0.5, row, 0);
        }
        inputs.push();
        var ports = ((LatentUNetConfig) network.architecture()).ports(plan.graph());
        float[] found =
            DeviceArrays.read(
                device, plan.address(ports.context()), (int) plan.count(ports.context()));
        for (int row = 0; row < texts.size(); row++) {
          assertArrayEquals(
              expected[row],
              Arrays.copyOfRange(found, row * TOKENS * WIDTH, (row + 1) * TOKENS * WIDTH),
              2e-3f,
              texts.get(row));
        }
        assertThrows(IllegalArgumentException.class, () -> inputs.set(0, 0.5, texts.size(), 0));
      }
    }
  }

  @Test
  void aRunThatIsStoppedGoesOnToTheSameBits() throws IOException {
    Path whole = folder.resolve("whole");
    assertTrue(run(whole, () -> false));
    Path stopped = folder.resolve("stopped");
    int lives = 1;
    while (!run(stopped, () -> true)) {
      lives++;
    }
    assertEquals(4, lives, "four updates, the last of which ends it");
    for (String file :
        List.of(
            "contexts.safetensors",
            "teacher/unet/diffusion_pytorch_model.safetensors",
            "teacher/text_encoder/model.safetensors",
            "teacher/model_index.json")) {
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(file)), Files.readAllBytes(stopped.resolve(file)), file);
    }
  }

  @Test
  void theFolderIsAWholeModelAndSaysItsTextEncoder() throws IOException {
    run(folder, () -> false);
    Path model = folder.resolve(CaptionedTeacherRun.FOLDER);
    String index = Files.readString(model.resolve("model_index.json"));
    assertTrue(index.contains("BertModel") && index.contains("BertTokenizerFast"), index);
    try (SafetensorsFile kept =
            SafetensorsFile.open(model.resolve("text_encoder/model.safetensors"));
        Checkpoint opened = Checkpoint.open(model, CheckpointOptions.standard())) {
      assertArrayEquals(
          new long[] {TOKENS, WIDTH},
          kept.find("embeddings.position_embeddings.weight").orElseThrow().shape());
      Component text = opened.component(Part.TEXT_ENCODER).orElseThrow();
      assertEquals(bert.component(TOKENS).sha256(), text.sha256());
      assertArrayEquals(
          bert.tokenizer().encode("red sea on a long day"),
          opened.openTokenizer().orElseThrow().encode("red sea on a long day"));
    }
    try (DiffusionModel sampled =
        DiffusionModel.open(model, ModelOptions.standard().withDevice(device))) {
      byte[] cat = sampled.sample(sampled.request("red cat").withSteps(2).withGuidance(3)).pixels();
      byte[] sea =
          sampled.sample(sampled.request("blue sea").withSteps(2).withGuidance(3)).pixels();
      assertFalse(Arrays.equals(cat, sea), "the prompt has an effect");
    }
  }

  @Test
  void beginsWithTheWeightsOfAModelOfTheSameEncoder() throws IOException {
    Path first = folder.resolve("first");
    run(first, () -> false);
    try (Checkpoint from =
            Checkpoint.open(
                first.resolve(CaptionedTeacherRun.FOLDER), CheckpointOptions.standard());
        ContextCache contexts = contexts(folder.resolve("second"))) {
      FrozenTextStart start =
          FrozenTextStart.from(from, encoder(), contexts, CAPTIONS, DATA.shape());
      ModelCard card = start.card("random", Map.of());
      assertEquals(from.component(Part.UNET).orElseThrow().sha256(), card.provenance().get("from"));
      ConditionedNetwork begun = start.open(device, card, 99);
      try (var network = begun.network()) {
        Component unet = from.component(Part.UNET).orElseThrow();
        for (String name : unet.network().shapes().keySet()) {
          assertArrayEquals(
              unet.tensors().find(name).orElseThrow().floats(),
              network.weights().get(network.graph().parameters().get(name)),
              name);
        }
      }
      DataException other =
          assertThrows(
              DataException.class,
              () -> CaptionedTeacherStart.from(from, CAPTIONS, List.of(), DATA.shape()));
      assertTrue(other.getMessage().contains("was not trained with it"), other.getMessage());
    }
  }

  @Test
  void aCacheOfOtherCaptionsIsRefused() throws IOException {
    contexts(folder).close();
    FrozenTextStart.Encoder encoder = encoder();
    DataException refused =
        assertThrows(
            DataException.class,
            () ->
                ContextCache.openOrMake(
                    folder.resolve("contexts.safetensors"),
                    device,
                    encoder.component(),
                    encoder.tokenizer(),
                    CAPTIONS.reversed(),
                    _ -> {}));
    assertTrue(refused.getMessage().contains("contexts of other captions"), refused.getMessage());
  }
}
