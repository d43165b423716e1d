package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Low-rank updates of a small model, in the layouts that people share. */
class LowRankUpdatesTest {
  private static final int RANK = 3;
  private static final double ALPHA = 1.5;
  private static final double STRENGTH = 0.8;

  private static final String LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k";
  private static final String OUT = "up_blocks.1.attentions.1.transformer_blocks.0.attn1.to_out.0";
  private static final String FEED = "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj";
  private static final String PROJECTION = "down_blocks.0.attentions.0.proj_in";
  private static final String KERNEL = "up_blocks.0.resnets.0.conv1";
  private static final String TEXT = "text_model.encoder.layers.1.self_attn.q_proj";
  private static final String TEXT_OUT = "text_model.encoder.layers.0.self_attn.out_proj";
  private static final String MLP = "text_model.encoder.layers.0.mlp.fc2";

  @TempDir private Path folder;
  private Checkpoint model;
  private final List<NamedTensor> tensors = new ArrayList<>();

  @BeforeEach
  void build() throws IOException {
    model = TinyPipeline.build();
  }

  @AfterEach
  void close() {
    model.close();
  }

  private Path write(Map<String, String> metadata) throws IOException {
    Path file = folder.resolve("lora.safetensors");
    SafetensorsWriter.write(file, tensors, metadata);
    return file;
  }

  private LowRankUpdates open() throws IOException {
    return LowRankUpdates.open(write(Map.of()), model.components().values());
  }

  private static float[] numbers(String name, long count) {
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) HashedTensors.hash(name, i);
    }
    return values;
  }

  private void add(String name, long... shape) {
    tensors.add(NamedTensor.f32(name, shape, numbers(name, ParameterShapes.elements(shape))));
  }

  private void alpha(String name) {
    tensors.add(NamedTensor.f32(name, new long[0], (float) ALPHA));
  }

  private Component component(Part part) {
    return model.component(part).orElseThrow();
  }

  private long[] shape(Part part, String module) {
    return component(part).network().shapes().get(module + ".weight");
  }

  /** Both factors, in the shapes that the module's weight has. */
  private void factors(Part part, String module, String down, String up) {
    long[] first = shape(part, module).clone();
    long out = first[0];
    first[0] = RANK;
    add(down, first);
    long[] second = new long[first.length];
    Arrays.fill(second, 1);
    second[0] = out;
    second[1] = RANK;
    add(up, second);
  }

  /** Compares a merged tensor with sums in double. */
  private void compare(
      Component merged, String module, String down, String up, double factor, double tolerance) {
    Part part = merged.part();
    String name = module + ".weight";
    TensorView before = component(part).tensors().find(name).orElseThrow();
    TensorView after = merged.tensors().find(name).orElseThrow();
    assertArrayEquals(before.shape(), after.shape());
    int rows = (int) before.shape()[0];
    int columns = (int) before.elements() / rows;
    float[] first = numbers(down, (long) RANK * columns);
    float[] second = numbers(up, (long) RANK * rows);
    float[] base = before.floats();
    float[] got = after.floats();
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        double sum = 0;
        for (int k = 0; k < RANK; k++) {
          sum += (double) second[row * RANK + k] * first[k * columns + column];
        }
        int at = row * columns + column;
        assertEquals(base[at] + factor * sum, got[at], tolerance, name + " " + at);
      }
    }
  }

  private record Names(String down, String up) {}

  /** One layout: each module under its names there, with alphas or without. */
  private void checkLayout(
      Map<String, String> unet,
      Map<String, String> text,
      BinaryOperator<String> ending,
      String alpha)
      throws IOException {
    Map<Part, Map<String, Names>> all = new LinkedHashMap<>();
    Map.of(Part.UNET, unet, Part.TEXT_ENCODER, text)
        .forEach(
            (part, modules) ->
                modules.forEach(
                    (module, theirs) -> {
                      Names names =
                          new Names(ending.apply(theirs, "down"), ending.apply(theirs, "up"));
                      factors(part, module, names.down(), names.up());
                      if (alpha != null) {
                        alpha(theirs + alpha);
                      }
                      all.computeIfAbsent(part, _ -> new LinkedHashMap<>()).put(module, names);
                    }));
    double factor = STRENGTH * (alpha == null ? 1 : ALPHA / RANK);
    try (LowRankUpdates updates = open()) {
      for (Map.Entry<Part, Map<String, Names>> entry : all.entrySet()) {
        assertEquals(entry.getValue().size(), updates.count(entry.getKey()));
        Component merged = updates.merge(component(entry.getKey()), STRENGTH);
        entry
            .getValue()
            .forEach(
                (module, names) -> compare(merged, module, names.down(), names.up(), factor, 1e-6));
        int changed = 0;
        for (String name : merged.tensors().names()) {
          TensorView own = component(entry.getKey()).tensors().find(name).orElseThrow();
          changed += own.equals(merged.tensors().find(name).orElseThrow()) ? 0 : 1;
        }
        assertEquals(entry.getValue().size(), changed, "others stay as they are");
        merged.tensors().close();
      }
      Component stage = component(Part.AUTOENCODER);
      assertSame(stage, updates.merge(stage, 1));
    }
  }

  @Test
  void kohyasNames() throws IOException {
    Map<String, String> unet = new LinkedHashMap<>();
    for (String module : List.of(LINEAR, OUT, FEED, PROJECTION, KERNEL)) {
      unet.put(module, "lora_unet_" + module.replace('.', '_'));
    }
    Map<String, String> text = new LinkedHashMap<>();
    for (String module : List.of(TEXT, TEXT_OUT, MLP)) {
      text.put(module, "lora_te_" + module.replace('.', '_'));
    }
    checkLayout(unet, text, (module, which) -> module + ".lora_" + which + ".weight", ".alpha");
  }

  @Test
  void kohyasNamesOverThoseOfCompVis() throws IOException {
    checkLayout(
        Map.of(
            LINEAR,
            "lora_unet_input_blocks_1_1_transformer_blocks_0_attn2_to_k",
            KERNEL,
            "lora_unet_output_blocks_0_0_in_layers_2"),
        Map.of(),
        (module, which) -> module + ".lora_" + which + ".weight",
        ".alpha");
  }

  @Test
  void namesOfPeft() throws IOException {
    checkLayout(
        Map.of(LINEAR, "unet." + LINEAR, OUT, "unet." + OUT, KERNEL, "unet." + KERNEL),
        Map.of(TEXT, "text_encoder." + TEXT, MLP, "text_encoder." + MLP),
        (module, which) -> module + (which.equals("down") ? ".lora_A" : ".lora_B") + ".weight",
        null);
  }

  @Test
  void earlierNamesOfDiffusers() throws IOException {
    checkLayout(
        Map.of(
            LINEAR,
            "unet." + LINEAR.replace("to_k", "processor.to_k"),
            OUT,
            "unet." + OUT.replace("to_out.0", "processor.to_out")),
        Map.of(
            TEXT,
            "text_encoder." + TEXT.replace("q_proj", "to_q"),
            TEXT_OUT,
            "text_encoder." + TEXT_OUT.replace("out_proj", "to_out")),
        (module, which) -> module + "_lora." + which + ".weight",
        "_lora.alpha");
  }

  @Test
  void namesOfDiffusersForAllLayers() throws IOException {
    checkLayout(
        Map.of(FEED, FEED, PROJECTION, PROJECTION),
        Map.of(),
        (module, which) -> module + ".lora." + which + ".weight",
        ".alpha");
    tensors.clear();
    checkLayout(
        Map.of(),
        Map.of(MLP, "text_encoder." + MLP),
        (module, which) -> module + ".lora_linear_layer." + which + ".weight",
        ".alpha");
  }

  /** The alpha of all updates in the metadata. */
  @Test
  void alphaOfTheMetadata() throws IOException {
    factors(Part.UNET, LINEAR, LINEAR + ".lora_A.weight", LINEAR + ".lora_B.weight");
    String said = "{\"unet.lora_alpha\": 6, \"unet.r\": 3, \"unet.alpha_pattern\": {}}";
    Path file = write(Map.of("lora_adapter_metadata", said));
    try (LowRankUpdates updates = LowRankUpdates.open(file, model.components().values())) {
      Component merged = updates.merge(component(Part.UNET), 1);
      compare(merged, LINEAR, LINEAR + ".lora_A.weight", LINEAR + ".lora_B.weight", 2, 1e-6);
      merged.tensors().close();
    }
  }

  /** Numbers of 16 bits stay so, rounded once; and updates of several files add up. */
  @Test
  void aFileOf16BitsAndTwoUpdates() throws IOException {
    String down = LINEAR + ".lora_A.weight";
    String up = LINEAR + ".lora_B.weight";
    factors(Part.UNET, LINEAR, down, up);
    Path half = folder.resolve("half.safetensors");
    SingleFileWriter.write(model, half, WriteOptions.same().withDtype(Dtype.F16));
    try (Checkpoint stored = Checkpoint.open(half, CheckpointOptions.standard());
        LowRankUpdates updates =
            LowRankUpdates.open(write(Map.of()), stored.components().values())) {
      Component unet = stored.component(Part.UNET).orElseThrow();
      Component once = updates.merge(unet, 0.5);
      assertEquals(Dtype.F16, once.tensors().find(LINEAR + ".weight").orElseThrow().dtype());
      compare(once, LINEAR, down, up, 0.5, 2e-3);
      Component twice = updates.merge(once, 0.25);
      compare(twice, LINEAR, down, up, 0.75, 3e-3);
      assertSame(twice, updates.merge(twice, 0));
      twice.tensors().close();
    }
  }

  private void assertRefused(String expected) throws IOException {
    Path file = write(Map.of());
    IOException refused =
        assertThrows(
            IOException.class,
            () -> LowRankUpdates.open(file, model.components().values()).close());
    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    assertTrue(refused.getMessage().contains("lora.safetensors"), refused.getMessage());
    assertFalse(refused.getMessage().contains("\n"), refused.getMessage());
    tensors.clear();
  }

  @Test
  void whatIsNoUpdateOfThisModelIsRefusedInOneLine() throws IOException {
    String down = LINEAR + ".lora_A.weight";
    String up = LINEAR + ".lora_B.weight";
    factors(Part.UNET, LINEAR, down, up);
    add(LINEAR + ".hada_w1_a", 4, 4);
    assertRefused("not low-rank updates of this model: " + LINEAR + ".hada_w1_a");
    factors(Part.UNET, LINEAR, down, up);
    add("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", 4, 4);
    assertRefused("lora_te2_text_model_encoder_layers_0_mlp_fc1");
    add(down, RANK, 64);
    assertRefused("not the other factor of the update of " + LINEAR);
    add(down, RANK, 63);
    add(up, 32, RANK);
    assertRefused("has shape [3, 63]; an update of rank 3 has [3, 64]");
    add(down, RANK, 64);
    add(up, 32, RANK + 1);
    assertRefused("has shape [32, 4]");
    factors(Part.UNET, LINEAR, down, up);
    String kohya = "lora_unet_" + LINEAR.replace('.', '_');
    factors(Part.UNET, LINEAR, kohya + ".lora_down.weight", kohya + ".lora_up.weight");
    assertRefused("updates " + LINEAR + ".weight twice");
    factors(Part.UNET, LINEAR, down, up);
    add(LINEAR + ".alpha", 2);
    assertRefused("is not an alpha");
    tensors.add(NamedTensor.f32(down, new long[] {1, 64}, nan(64)));
    add(up, 32, 1);
    assertRefused("has no finite number at 0");
    assertRefused("has no tensors");
  }

  private static float[] nan(int count) {
    float[] values = new float[count];
    values[0] = Float.NaN;
    return values;
  }

  @Test
  void metadataThatChangeTheMeaningAreRefused() throws IOException {
    factors(Part.UNET, LINEAR, LINEAR + ".lora_A.weight", LINEAR + ".lora_B.weight");
    for (String said :
        List.of(
            "{\"unet.use_rslora\": true}",
            "{\"unet.alpha_pattern\": {\"to_k\": 2}}",
            "{\"unet.lora_alpha\": \"6\"}",
            "{")) {
      Path file = write(Map.of("lora_adapter_metadata", said));
      IOException refused =
          assertThrows(
              IOException.class,
              () -> LowRankUpdates.open(file, model.components().values()).close());
      assertTrue(refused.getMessage().contains("lora_adapter_metadata"), refused.getMessage());
    }
  }

  @Test
  void aStrengthBeyondAllUseIsRefused() throws IOException {
    factors(Part.UNET, LINEAR, LINEAR + ".lora_A.weight", LINEAR + ".lora_B.weight");
    try (LowRankUpdates updates = open()) {
      Component unet = component(Part.UNET);
      assertThrows(IllegalArgumentException.class, () -> updates.merge(unet, Double.NaN));
      assertThrows(IllegalArgumentException.class, () -> updates.merge(unet, 101));
    }
  }
}
