package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.Tensors;
import org.halfstep.text.ClipTokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is written in one layout and read in another is the same model. */
class CheckpointLayoutsTest {
  private static final CheckpointOptions STANDARD = CheckpointOptions.standard();

  @TempDir private Path folder;

  private static Checkpoint made(String kind) {
    return switch (kind) {
      case "first" -> Synthetic.first(4, 0);
      case "inpainting" -> Synthetic.first(9, 0);
      case "guided" -> Synthetic.first(4, 32);
      case "second" -> Synthetic.second();
      default -> Synthetic.classes();
    };
  }

  private Path single(Checkpoint made, Dtype dtype) throws IOException {
    Path file = folder.resolve("single.safetensors");
    SingleFileWriter.write(made, file, WriteOptions.same().withDtype(dtype));
    return file;
  }

  @ParameterizedTest
  @ValueSource(strings = {"first", "inpainting", "guided", "second", "classes"})
  void everyLayoutHoldsTheSameModel(String kind) throws IOException {
    try (Checkpoint made = made(kind)) {
      Path whole = folder.resolve("whole");
      FolderWriter.write(made, whole, WriteOptions.same().withShardBytes(500_000));
      assertTrue(
          Files.exists(whole.resolve("unet/diffusion_pytorch_model.safetensors.index.json")));
      Path torch = folder.resolve("single.ckpt");
      SingleFileWriter.write(made, torch, WriteOptions.same());
      for (Path path : List.of(whole, single(made, null), torch)) {
        try (Checkpoint read = Checkpoint.open(path, STANDARD)) {
          assertEquals(List.of(), read.notes());
          assertEquals(List.of(), Synthetic.differences(made, read, Dtype.F32), path.toString());
          assertEquals(made.scheduler(), read.scheduler());
          Path again = folder.resolve("again-" + path.getFileName());
          if (Files.isDirectory(path)) {
            SingleFileWriter.write(read, again, WriteOptions.same());
          } else {
            FolderWriter.write(read, again, WriteOptions.same());
          }
          try (Checkpoint third = Checkpoint.open(again, STANDARD)) {
            assertEquals(List.of(), Synthetic.differences(made, third, Dtype.F32));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Dtype.class,
      names = {"F16", "BF16"})
  void halfFormatsRoundToTheNearest(Dtype dtype) throws IOException {
    try (Checkpoint made = made("second")) {
      try (Checkpoint read = Checkpoint.open(single(made, dtype), STANDARD)) {
        assertEquals(List.of(), Synthetic.differences(made, read, dtype));
      }
      Path whole = folder.resolve("whole");
      FolderWriter.write(made, whole, WriteOptions.same().withDtype(dtype).withVariant("fp16"));
      try (Checkpoint read = Checkpoint.open(whole, STANDARD)) {
        assertEquals(List.of(), Synthetic.differences(made, read, dtype));
        assertEquals(3, read.notes().size());
        assertTrue(read.notes().getFirst().endsWith("has no plain weights: variant fp16 is taken"));
      }
    }
  }

  /** Heads, groups and the schedule follow from which published network it is. */
  @ParameterizedTest
  @ValueSource(strings = {"first", "inpainting", "guided", "second", "classes"})
  void withoutConfigurationNetworksAreKnownByTheirTensors(String kind) throws IOException {
    try (Checkpoint made = made(kind)) {
      Path bare =
          Synthetic.changed(
              single(made, null),
              folder.resolve("bare.safetensors"),
              tensors -> {
                Synthetic.add(tensors, "betas", 1000);
                Synthetic.add(tensors, "sqrt_alphas_cumprod", 1000);
                Synthetic.add(tensors, "model_ema.decay");
                Synthetic.add(tensors, "first_stage_model.loss.logvar");
                Synthetic.add(tensors, "optimizer_states.0", 3);
                if (kind.equals("second")) {
                  Synthetic.add(tensors, "cond_stage_model.model.logit_scale");
                  Synthetic.add(tensors, "cond_stage_model.model.text_projection", 64, 64);
                  Synthetic.add(tensors, "cond_stage_model.model.visual.proj", 4, 4);
                  Synthetic.add(tensors, "cond_stage_model.model.attn_mask", 77, 77);
                } else if (!kind.equals("classes")) {
                  String positions =
                      "cond_stage_model.transformer.text_model.embeddings.position_ids";
                  tensors.put(
                      positions, NamedTensor.i64(positions, new long[] {1, 77}, new long[77]));
                }
              });
      try (Checkpoint read = Checkpoint.open(bare, STANDARD)) {
        assertEquals(List.of(), Synthetic.differences(made, read, Dtype.F32));
        assertEquals(
            made.scheduler().orElseThrow().betas(), read.scheduler().orElseThrow().betas());
        assertEquals(
            made.scheduler().orElseThrow().prediction(),
            read.scheduler().orElseThrow().prediction());
        assertEquals(List.of(), read.notes());
      }
    }
  }

  @Test
  void theSecondGenerationDoesNotSayWhatItPredicts() throws IOException {
    try (Checkpoint made = made("second")) {
      Path bare =
          Synthetic.changed(
              single(made, null),
              folder.resolve("bare.safetensors"),
              tensors -> {
                tensors.remove("v_pred");
                tensors.remove("ztsnr");
              });
      try (Checkpoint read = Checkpoint.open(bare, STANDARD)) {
        assertTrue(read.scheduler().isEmpty());
        assertTrue(read.notes().getFirst().contains("does not say whether its UNet predicts"));
        String line =
            assertThrows(
                    DataException.class,
                    () -> FolderWriter.write(read, folder.resolve("x"), WriteOptions.same()))
                .getMessage();
        assertTrue(line.contains("add --prediction eps or --prediction v"), line);
        assertFalse(Files.exists(folder.resolve("x")));
      }
      try (Checkpoint read =
          Checkpoint.open(bare, STANDARD.withPrediction(SchedulerConfig.VELOCITY))) {
        assertEquals(SchedulerConfig.VELOCITY, read.scheduler().orElseThrow().prediction());
      }
      Files.writeString(
          folder.resolve("bare.yaml"), "model:\n  params:\n    parameterization: \"v\"\n");
      try (Checkpoint read = Checkpoint.open(bare, STANDARD)) {
        assertEquals(SchedulerConfig.VELOCITY, read.scheduler().orElseThrow().prediction());
      }
    }
  }

  @Test
  void anotherScheduleInTheFileIsSaid() throws IOException {
    try (Checkpoint made = made("first")) {
      Path odd =
          Synthetic.changed(
              single(made, null),
              folder.resolve("odd.safetensors"),
              tensors -> Synthetic.add(tensors, "alphas_cumprod", 1000));
      try (Checkpoint read = Checkpoint.open(odd, STANDARD)) {
        assertEquals(1, read.notes().size());
        assertTrue(read.notes().getFirst().contains("its alphas_cumprod is 0.0 at 0"));
      }
    }
  }

  @Test
  void theMovingAverageIsTakenUnlessTheLastWeightsAreAsked() throws IOException {
    try (Checkpoint made = made("first")) {
      Path both =
          Synthetic.changed(
              single(made, null),
              folder.resolve("both.safetensors"),
              tensors -> {
                for (NamedTensor tensor : List.copyOf(tensors.values())) {
                  if (tensor.name().startsWith("model.diffusion_model.")) {
                    String name = "model_ema." + tensor.name().substring(6).replace(".", "");
                    Synthetic.add(tensors, name, tensor.shape());
                  }
                }
                Synthetic.add(tensors, "model_ema.num_updates");
              });
      try (Checkpoint read = Checkpoint.open(both, STANDARD)) {
        float[] values = unet(read).find("conv_in.weight").orElseThrow().floats();
        assertArrayEquals(new float[values.length], values);
        assertTrue(read.notes().getFirst().endsWith("the UNet is the moving average in the file"));
      }
      try (Checkpoint read = Checkpoint.open(both, STANDARD.withAverage(false))) {
        assertEquals(List.of(), Synthetic.differences(made, read, Dtype.F32));
        assertTrue(read.notes().getFirst().contains("not the moving average"));
      }
    }
  }

  private static Tensors unet(Checkpoint read) {
    return read.component(Part.UNET).orElseThrow().tensors();
  }

  @Test
  void otherNamesOfTheSameAreAccepted() throws IOException {
    try (Checkpoint made = made("first")) {
      Path odd =
          Synthetic.changed(
              single(made, null),
              folder.resolve("odd.safetensors"),
              tensors -> {
                for (NamedTensor tensor : List.copyOf(tensors.values())) {
                  String name = tensor.name();
                  if (name.contains(".transformer.text_model.")) {
                    Synthetic.rename(tensors, name, name.replace("text_model.", ""));
                  } else if (name.endsWith("encoder.mid.attn_1.q.weight")) {
                    tensors.put(
                        name,
                        new NamedTensor(
                            name, tensor.dtype(), new long[] {64, 64, 1}, tensor.data()));
                  }
                }
              });
      try (Checkpoint read = Checkpoint.open(odd, STANDARD)) {
        assertEquals(List.of(), Synthetic.differences(made, read, Dtype.F32));
      }
      Path whole = folder.resolve("whole");
      FolderWriter.write(made, whole, WriteOptions.same());
      Path vae = whole.resolve("vae/diffusion_pytorch_model.safetensors");
      Synthetic.changed(
          vae,
          vae,
          tensors -> {
            for (String[] pair :
                new String[][] {
                  {"to_q", "query"}, {"to_k", "key"}, {"to_v", "value"}, {"to_out.0", "proj_attn"}
                }) {
              for (String half : List.of("encoder", "decoder")) {
                for (String kind : List.of("weight", "bias")) {
                  String start = half + ".mid_block.attentions.0.";
                  Synthetic.rename(
                      tensors, start + pair[0] + "." + kind, start + pair[1] + "." + kind);
                }
              }
            }
          });
      try (Checkpoint read = Checkpoint.open(whole, STANDARD)) {
        assertEquals(List.of(), Synthetic.differences(made, read, Dtype.F32));
      }
    }
  }

  @Test
  void oneNetworkAloneIsReadAndWritten() throws IOException {
    try (Checkpoint made = made("first")) {
      Path whole = folder.resolve("whole");
      FolderWriter.write(made, whole, WriteOptions.same());
      for (String part : List.of("unet", "vae", "text_encoder")) {
        try (Checkpoint one = Checkpoint.open(whole.resolve(part), STANDARD)) {
          assertEquals(1, one.components().size());
          Path file = folder.resolve(part + ".safetensors");
          SingleFileWriter.write(one, file, WriteOptions.same());
          try (Checkpoint alone = Checkpoint.open(file, STANDARD)) {
            assertEquals(List.of(), Synthetic.differences(one, alone, Dtype.F32));
          }
          Path copy = folder.resolve(part);
          FolderWriter.write(one, copy, WriteOptions.same());
          try (Checkpoint again = Checkpoint.open(copy, STANDARD)) {
            assertEquals(List.of(), Synthetic.differences(one, again, Dtype.F32));
          }
        }
      }
      Path bare = folder.resolve("bare-unet.safetensors");
      Synthetic.changed(whole.resolve("unet/diffusion_pytorch_model.safetensors"), bare, _ -> {});
      String line = refusal(bare, STANDARD);
      assertTrue(line.contains("is a UNet under diffusers' names without its config.json"), line);
      try (Checkpoint read = Checkpoint.open(bare, STANDARD.withConfig(whole))) {
        assertEquals(
            made.component(Part.UNET).orElseThrow().network(),
            read.component(Part.UNET).orElseThrow().network());
      }
    }
  }

  private static String refusal(Path path, CheckpointOptions options) {
    String line =
        assertThrows(IOException.class, () -> Checkpoint.open(path, options).close()).getMessage();
    assertEquals(1, line.lines().count(), line);
    return line;
  }

  @Test
  void variantsAreChosenByName() throws IOException {
    try (Checkpoint made = made("first")) {
      Path whole = folder.resolve("whole");
      FolderWriter.write(made, whole, WriteOptions.same());
      FolderWriter.addVariant(
          made,
          whole,
          WriteOptions.same().withDtype(Dtype.F16).withVariant("fp16").withShardBytes(300_000));
      assertTrue(
          Files.exists(whole.resolve("unet/diffusion_pytorch_model.safetensors.index.fp16.json")));
      try (Checkpoint read = Checkpoint.open(whole, STANDARD.withVariant("fp16"))) {
        assertEquals(List.of(), Synthetic.differences(made, read, Dtype.F16));
      }
      // What older versions called the same.
      Path index = whole.resolve("unet/diffusion_pytorch_model.safetensors.index.fp16.json");
      Files.move(
          index, index.resolveSibling("diffusion_pytorch_model.safetensors.fp16.index.json"));
      try (Checkpoint read = Checkpoint.open(whole, STANDARD.withVariant("fp16"))) {
        assertEquals(List.of(), Synthetic.differences(made, read, Dtype.F16));
      }
      String line = refusal(whole, STANDARD.withVariant("ema"));
      assertTrue(
          line.contains("has no weights of variant ema; it has fp16; it has plain ones"), line);
      assertThrows(
          IllegalArgumentException.class,
          () -> Checkpoint.open(whole, STANDARD.withVariant("../x")).close());
      FolderWriter.addVariant(made, whole, WriteOptions.same().withVariant("ema"));
      Files.delete(whole.resolve("unet/diffusion_pytorch_model.safetensors"));
      line = refusal(whole, STANDARD);
      assertTrue(line.contains("has no plain weights, but the variants ema, fp16: name one"), line);
    }
  }

  @Test
  void theTinyModelIsThereInEveryLayout() throws IOException {
    Path tiny = folder.resolve("tiny");
    List<Path> written = TinyPipeline.write(tiny);
    assertEquals(8, written.size());
    try (Checkpoint made = TinyPipeline.build();
        Checkpoint inpainting = TinyPipeline.build(9, 0);
        Checkpoint consistency = TinyPipeline.build(4, 32);
        Checkpoint classes = TinyPipeline.buildOfClasses()) {
      for (Path path : written) {
        Checkpoint expected =
            switch (path.getFileName().toString()) {
              case "inpainting" -> inpainting;
              case "lcm" -> consistency;
              case "classes" -> classes;
              default -> made;
            };
        Dtype dtype = path.toString().contains("bf16") ? Dtype.BF16 : Dtype.F32;
        try (Checkpoint read = Checkpoint.open(path, STANDARD)) {
          assertEquals(List.of(), Synthetic.differences(expected, read, dtype), path::toString);
        }
      }
      Path whole = tiny.resolve("diffusers");
      try (Checkpoint read = Checkpoint.open(whole, STANDARD.withVariant("bf16"))) {
        assertEquals(List.of(), Synthetic.differences(made, read, Dtype.BF16));
        ClipTokenizer tokenizer = ClipTokenizer.open(read.tokenizer().orElseThrow());
        TextDescription text =
            (TextDescription) read.component(Part.TEXT_ENCODER).orElseThrow().network();
        assertEquals(text.vocabulary(), tokenizer.size());
        assertEquals(5, tokenizer.encode("a photo of a cat").length);
      }
    }
    assertThrows(DataException.class, () -> TinyPipeline.write(tiny));
  }

  @Test
  void thePaddingIsTheOneThatTheTextEncoderKnows() throws IOException {
    Path words = Files.writeString(folder.resolve("merges.txt"), "v\na b\n");
    for (String kind : List.of("first", "second")) {
      try (Checkpoint made = made(kind)) {
        made.setTokenizer(words);
        String line = assertThrows(DataException.class, made::openTokenizer).getMessage();
        assertTrue(line.contains("has 515 entries, but the text encoder has a table of 40"), line);
      }
    }
    for (boolean isQuick : new boolean[] {true, false}) {
      TextDescription text = new TextDescription(600, 77, 64, 128, 1, 1, isQuick);
      try (Checkpoint made = new Checkpoint(folder, Checkpoint.Layout.FOLDER)) {
        made.add(new Component(text, text.toJson(), made.own(new HashedTensors(text))));
        assertTrue(made.openTokenizer().isEmpty());
        made.setTokenizer(folder);
        assertEquals(isQuick ? 514 : 0, made.openTokenizer().orElseThrow().padding());
        Path map = folder.resolve("special_tokens_map.json");
        Files.writeString(map, "{\"pad_token\":\"<|startoftext|>\"}");
        assertEquals(513, made.openTokenizer().orElseThrow().padding());
        Files.delete(map);
      }
    }
  }

  @Test
  void numbersThatDoNotFitAreRefusedAndNothingIsWritten() throws IOException {
    try (Checkpoint made = made("first")) {
      Path large =
          Synthetic.changed(
              single(made, null),
              folder.resolve("large.safetensors"),
              tensors ->
                  tensors.put(
                      "model.diffusion_model.out.2.bias",
                      NamedTensor.f32(
                          "model.diffusion_model.out.2.bias", new long[] {4}, 1, 70_000, 0, 0)));
      Path half = folder.resolve("half.safetensors");
      try (Checkpoint read = Checkpoint.open(large, STANDARD)) {
        String line =
            assertThrows(
                    DataException.class,
                    () ->
                        SingleFileWriter.write(
                            read, half, WriteOptions.same().withDtype(Dtype.F16)))
                .getMessage();
        assertTrue(
            line.contains("out.2.bias holds 70000.0, which is more than f16 can hold"), line);
        assertFalse(Files.exists(half));
        SingleFileWriter.write(read, half, WriteOptions.same().withDtype(Dtype.BF16));
      }
      try (SafetensorsFile file = SafetensorsFile.open(half)) {
        assertEquals(Dtype.BF16, file.tensor("model.diffusion_model.out.2.bias").dtype());
      }
    }
  }

  @Test
  void aFolderThatIsThereStays() throws IOException {
    Path mine = Files.createDirectories(folder.resolve("mine"));
    Files.writeString(mine.resolve("notes.txt"), "x");
    try (Checkpoint made = made("first")) {
      String line =
          assertThrows(
                  DataException.class, () -> FolderWriter.write(made, mine, WriteOptions.same()))
              .getMessage();
      assertTrue(line.contains("is there already"), line);
      assertEquals("x", Files.readString(mine.resolve("notes.txt")));
      assertEquals(
          List.of("it has no tokenizer, since synthetic has none"),
          FolderWriter.write(
              made, Files.createDirectories(folder.resolve("empty")), WriteOptions.same()));
    }
    try (Stream<Path> entries = Files.list(folder)) {
      assertEquals(2, entries.count());
    }
  }
}
