package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are damaged, incomplete, of other kinds, or made to do harm: one line each. */
class HostileCheckpointTest {
  private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

  @TempDir private static Path made;
  @TempDir private Path folder;
  private Path whole;
  private Path single;

  @BeforeAll
  static void write() throws IOException {
    try (Checkpoint model = Synthetic.first(4, 0)) {
      FolderWriter.write(model, made.resolve("whole"), WriteOptions.same());
      FolderWriter.write(
          model, made.resolve("shards"), WriteOptions.same().withShardBytes(1_000_000));
      SingleFileWriter.write(model, made.resolve("single.safetensors"), WriteOptions.same());
      SingleFileWriter.write(model, made.resolve("single.ckpt"), WriteOptions.same());
    }
  }

  @BeforeEach
  void copy() throws IOException {
    for (String name : new String[] {"whole", "shards"}) {
      try (Stream<Path> files = Files.walk(made.resolve(name))) {
        for (Path file : files.toList()) {
          Path target = folder.resolve(made.relativize(file).toString());
          if (Files.isDirectory(file)) {
            Files.createDirectories(target);
          } else {
            Files.createLink(target, file);
          }
        }
      }
    }
    whole = folder.resolve("whole");
    single = folder.resolve("single.safetensors");
  }

  /** Replaces a file without touching what it was linked to. */
  private static Path put(Path file, byte[] bytes) throws IOException {
    Files.deleteIfExists(file);
    return Files.write(file, bytes);
  }

  private static Path put(Path file, String text) throws IOException {
    return put(file, text.getBytes(StandardCharsets.UTF_8));
  }

  private static String refusal(Path path) {
    String line =
        assertThrows(
                IOException.class,
                () -> Checkpoint.open(path, CheckpointOptions.standard()).close())
            .getMessage();
    assertEquals(1, line.lines().count(), line);
    assertTrue(line.length() < 1_500, line);
    return line;
  }

  private static void says(Path path, String expected) {
    String line = refusal(path);
    assertTrue(line.contains(expected), line);
  }

  @Test
  void aPointerInPlaceOfAFileIsSaid() throws IOException {
    String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3438167536\n";
    put(whole.resolve("unet").resolve(WEIGHTS), pointer);
    says(whole, WEIGHTS + ": is a Git LFS pointer");
    says(put(single, pointer), "is a Git LFS pointer");
    says(put(folder.resolve("x.ckpt"), pointer), "is a Git LFS pointer");
    put(shard(2), pointer);
    says(folder.resolve("shards"), shard(2).getFileName() + ": is a Git LFS pointer");
  }

  @Test
  void aFileThatIsRenamedIsKnownByWhatIsInIt() throws IOException {
    Files.createLink(single, made.resolve("single.ckpt"));
    try (Checkpoint read = Checkpoint.open(single, CheckpointOptions.standard());
        Checkpoint model = Synthetic.first(4, 0)) {
      assertEquals(List.of(), Synthetic.differences(model, read, Dtype.F32));
    }
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    for (String name : new String[] {"single.safetensors", "single.ckpt"}) {
      byte[] bytes = Files.readAllBytes(made.resolve(name));
      for (int i = 0; i < 40; i++) {
        // Near the start, where headers are, and all through.
        int length = i < 20 ? i * 7 : (int) ((long) bytes.length * i / 41);
        String line = refusal(put(folder.resolve(name), Arrays.copyOf(bytes, length)));
        assertTrue(line.contains(name + ": "), line);
      }
    }
  }

  @Test
  void whatAFolderLacksIsNamed() throws IOException {
    Files.delete(whole.resolve("vae/config.json"));
    says(whole, "names vae, but there is no vae/config.json: copy or download that folder");
    Files.delete(whole.resolve("model_index.json"));
    says(whole, "has no model_index.json and no config.json");
    Path unet = whole.resolve("unet");
    Files.delete(unet.resolve(WEIGHTS));
    says(unet, "has no weights: expected diffusion_pytorch_model.safetensors");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'_class_name':'StableDiffusionXLPipeline'} | _class_name: is \"StableDiffusionXLPipeline\"; this engine runs",
        "{'_class_name':7} | _class_name: is \"7\"",
        "{'_class_name':'StableDiffusionPipeline','unet':[null,null]} | names no unet",
        "{'_class_name':'StableDiffusionPipeline','unet':['diffusers','FlaxUNet2DConditionModel']} | unet: is a FlaxUNet2DConditionModel, of another framework",
        "[] | expected an object",
        "{'a':1,'a':2} | a",
        "{ | model_index.json: ",
      })
  void pipelinesOfOtherKindsAreRefusedByName(String index, String expected) throws IOException {
    put(whole.resolve("model_index.json"), index.replace('\'', '"'));
    says(whole, expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'../../secret.safetensors' | expected the name of a file beside it",
        "'/etc/passwd' | expected the name of a file beside it",
        "'..' | expected the name of a file beside it",
        "'..\\\\x' | expected the name of a file beside it",
        "'' | expected the name of a file beside it",
        "'x\\u0000.safetensors' | expected the name of a file beside it",
        "null | in no file, expected the name of a file beside it",
        "'nowhere.safetensors' | names nowhere.safetensors, which is not beside it",
        "7 | ",
      })
  void anIndexLeadsNowhereElse(String file, String expected) throws IOException {
    Path index = folder.resolve("shards/unet/" + WEIGHTS + ".index.json");
    put(index, "{'weight_map':{'conv_in.weight':%s}}".formatted(file).replace('\'', '"'));
    String line = refusal(folder.resolve("shards"));
    assertTrue(line.contains(expected == null ? ".index.json: " : expected), line);
  }

  private Path shard(int number) throws IOException {
    String name = String.format("-%05d-of-", number);
    try (Stream<Path> files = Files.list(folder.resolve("shards/unet"))) {
      return files.filter(file -> file.toString().contains(name)).findFirst().orElseThrow();
    }
  }

  @Test
  void shardsMustBeWhatTheIndexSays() throws IOException {
    Path unet = folder.resolve("shards/unet");
    Path first = shard(1);
    Path second = shard(2);
    byte[] bytes = Files.readAllBytes(second);
    Files.delete(second);
    says(folder.resolve("shards"), second.getFileName() + ", which is not beside it");
    put(second, Files.readAllBytes(first));
    says(folder.resolve("shards"), "have tensor ");
    put(second, Arrays.copyOf(bytes, bytes.length - 1));
    says(folder.resolve("shards"), second.getFileName() + ": byte ");
    put(second, bytes);
    Checkpoint.open(folder.resolve("shards"), CheckpointOptions.standard()).close();
    put(unet.resolve(WEIGHTS + ".index.json"), "{'weight_map':{}}".replace('\'', '"'));
    says(folder.resolve("shards"), "names no tensors");
  }

  @Test
  void tensorsThatDoNotFitTheConfigurationAreNamed() throws IOException {
    Path config = whole.resolve("unet/config.json");
    String text = Files.readString(config);
    put(config, text.replace("\"cross_attention_dim\" : 768", "\"cross_attention_dim\" : 1024"));
    says(
        whole,
        "attn2.to_k.weight has shape [32, 768]; a UNet of this configuration has [32, 1024]");
    put(config, text.replace("\"layers_per_block\" : 1", "\"layers_per_block\" : 2"));
    says(whole, "tensor down_blocks.0.resnets.1.norm1.weight is missing");
    put(config, text);
    Path weights = whole.resolve("unet").resolve(WEIGHTS);
    Path other = folder.resolve("other.safetensors");
    Synthetic.changed(weights, other, tensors -> Synthetic.add(tensors, "\u001b[31mextra", 1));
    put(weights, Files.readAllBytes(other));
    says(whole, "has tensors that belong to none of the networks it describes: ?[31mextra");
  }

  @Test
  void numbersInAConfigurationAllocateNothing() throws IOException {
    Path config = whole.resolve("unet/config.json");
    String text = Files.readString(config);
    put(
        config,
        text.replaceAll(
            "\"block_out_channels\" : \\[[^]]*\\]", "\"block_out_channels\" : [16384, 16384]"));
    says(whole, "tensor conv_in.weight has shape [32, 4, 3, 3]");
    put(config, text.replace("\"layers_per_block\" : 1", "\"layers_per_block\" : 2000000000"));
    says(whole, "layers_per_block: is 2000000000; expected an integer from 1 to 8");
    put(
        whole.resolve("text_encoder/config.json"),
        "{\"model_type\":\"clip_text_model\",\"num_hidden_layers\":1e9}");
    put(config, text);
    says(whole, "num_hidden_layers: is 1.0E9; expected an integer");
  }

  private Path changed(Synthetic.Change change) throws IOException {
    return Synthetic.changed(made.resolve("single.safetensors"), single, change);
  }

  @Test
  void singleFilesOfOtherModelsAreRefusedByName() throws IOException {
    String unet = "model.diffusion_model.";
    says(
        changed(tensors -> Synthetic.add(tensors, "conditioner.embedders.0.x", 1)),
        "it is an SDXL model");
    says(
        changed(tensors -> Synthetic.add(tensors, unet + "input_blocks.0.0.weight", 32, 5, 3, 3)),
        "has a UNet of 5 input channels, as in networks that see depth");
    says(
        changed(
            tensors -> Synthetic.add(tensors, unet + "input_blocks.10.0.skip_connection.bias", 1)),
        "has the UNet of an upscaler");
    says(
        changed(
            tensors ->
                Synthetic.add(
                    tensors,
                    unet + "middle_block.1.transformer_blocks.0.attn2.to_k.weight",
                    64,
                    2048)),
        "has the UNet of SDXL");
    says(
        changed(
            tensors ->
                Synthetic.add(
                    tensors,
                    unet + "middle_block.1.transformer_blocks.0.attn2.to_k.weight",
                    64,
                    99)),
        "a single file does not say its heads: name a folder with its config.json files (--config");
    says(
        changed(
            tensors ->
                tensors.remove(unet + "middle_block.1.transformer_blocks.0.attn2.to_k.weight")),
        "has a UNet without transformers");
    says(
        changed(tensors -> tensors.remove(unet + "out.0.bias")),
        "tensor " + unet + "out.0.bias is missing");
    says(
        changed(tensors -> Synthetic.add(tensors, unet + "label_emb.0.0.weight", 1)),
        "has tensors that belong to none of the networks it describes: "
            + unet
            + "label_emb.0.0.weight");
    says(
        changed(tensors -> Synthetic.add(tensors, "lora_unet_x", 1)),
        "has tensors that belong to none of the networks");
    says(
        changed(
            tensors -> {
              tensors.clear();
              Synthetic.add(tensors, "blk.0.attn", 1);
            }),
        "holds no network that is known by its names, which begin with blk.0.attn");
    says(
        changed(tensors -> Synthetic.add(tensors, unet + "out.2.weight")),
        "has shape [], which no network has there");
    says(
        changed(
            tensors -> Synthetic.add(tensors, unet + "input_blocks.1.0.out_layers.3.weight", 7, 1)),
        "has 7 channels in a level, which 32 groups of a norm do not divide");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cposix\nsystem\n(X\u0002\0\0\0idtR.",
        "cbuiltins\neval\n(X\u0001\0\0\0xtR.",
        "csubprocess\nPopen\n(X\u0002\0\0\0idtR.",
        "}X\u0001\0\0\0acposix\nsystem\n(X\u0002\0\0\0idtRs.",
        "}X\u0009\0\0\0callbackscos\nsystem\n(X\u0002\0\0\0idtRs.",
        "c__builtin__\ngetattr\n(X\u0001\0\0\0xtR.",
        "crunpy\n_run_code\n)\u0081.",
      })
  void picklesThatCallAreRefusedByWhatTheyCall(String pickle) throws IOException {
    String function =
        pickle.replaceFirst(
            "(?s)^.*?c(posix|builtins|subprocess|os|__builtin__|runpy)\n([a-zA-Z_]+)\n.*$",
            "$1.$2");
    says(
        put(folder.resolve("x.ckpt"), archive(pickle)),
        "asks for " + function + ", which is refused");
  }

  @Test
  void objectsOfTrainersAreNotLookedInto() throws IOException {
    // A class that is not installed as a key, an object of it with a state, and a set.
    String beside =
        "X\u0009\0\0\0callbacks}cpytorch_lightning.callbacks\nModelCheckpoint\n}s"
            + "X\u0001\0\0\0o"
            + "cnot.there\nThing\n)\u0081}X\u0001\0\0\0aK\u0001sb"
            + "X\u0001\0\0\0p"
            + "cpathlib\nPosixPath\n(X\u0001\0\0\0xtR"
            + "X\u0001\0\0\0q"
            + "\u008f(K\u0001K\u0002\u0090"
            + "X\u0001\0\0\0r"
            + "cnot.there\nListing\n)\u0081(K\u0001K\u0002e"
            + "X\u0001\0\0\0s"
            + "cnot.there\nTable\n)\u0081(K\u0001K\u0002u";
    byte[] bytes = Files.readAllBytes(made.resolve("single.ckpt"));
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int start = text.indexOf("\u0080\u0002}(");
    int end = text.indexOf("uu.", start) + 3;
    String pickle =
        text.substring(start, end).replaceFirst("\\}\\(", Matcher.quoteReplacement("}(" + beside));
    Path file = folder.resolve("trainer.ckpt");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out);
        ZipFile whole = new ZipFile(made.resolve("single.ckpt").toFile())) {
      for (ZipEntry entry : whole.stream().map(ZipEntry.class::cast).toList()) {
        byte[] content =
            entry.getName().endsWith("data.pkl")
                ? pickle.getBytes(StandardCharsets.ISO_8859_1)
                : whole.getInputStream(entry).readAllBytes();
        stored(zip, entry.getName(), content);
      }
    }
    put(file, out.toByteArray());
    try (Checkpoint read = Checkpoint.open(file, CheckpointOptions.standard());
        Checkpoint model = Synthetic.first(4, 0)) {
      assertEquals(List.of(), Synthetic.differences(model, read, Dtype.F32));
      assertFalse(read.scheduler().isEmpty());
    }
  }

  @Test
  void aDictionaryInItselfHasAnEnd() throws IOException {
    // A dictionary whose state_dict is itself.
    says(
        put(folder.resolve("x.ckpt"), archive("}q\0X\n\0\0\0state_dicth\0s.")),
        "a dictionary under \"state_dict\", expected a tensor");
  }

  private static byte[] archive(String pickle) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      stored(zip, "x/data.pkl", ("\u0080\u0002" + pickle).getBytes(StandardCharsets.ISO_8859_1));
    }
    return out.toByteArray();
  }

  private static void stored(ZipOutputStream zip, String name, byte[] content) throws IOException {
    ZipEntry entry = new ZipEntry(name);
    CRC32 checksum = new CRC32();
    checksum.update(content);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(checksum.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
  }

  @Test
  void tensorsThatOverlapAreRefused() throws IOException {
    String header =
        "{'model.diffusion_model.a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
            + "'model.diffusion_model.b':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}}";
    byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + 12).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    says(put(single, bytes.array()), "overlapping the tensor before it");
  }

  @Test
  void aFileWithoutTensorsIsRefused() throws IOException {
    byte[] json = "{\"__metadata__\":{\"format\":\"pt\"}}".getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(8 + json.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    says(put(single, bytes.array()), "holds no tensors");
  }

  @Test
  void optionsAreCheckedWhereTheyAreGiven() {
    for (String variant : new String[] {"../x", "a/b", "", ".", "n".repeat(300)}) {
      assertThrows(
          IllegalArgumentException.class, () -> CheckpointOptions.standard().withVariant(variant));
    }
    assertThrows(
        IllegalArgumentException.class, () -> CheckpointOptions.standard().withPrediction("magic"));
  }

  /** Java's own unmodifiable maps have another order in every process, and so had .ckpt files. */
  @Test
  void networksAreWrittenInOneOrder() throws IOException {
    try (Checkpoint model = Checkpoint.open(whole, CheckpointOptions.standard())) {
      assertEquals(List.of(Part.values()), List.copyOf(model.components().keySet()));
      assertThrows(UnsupportedOperationException.class, () -> model.components().remove(Part.UNET));
    }
  }

  @Test
  void onlyOurOwnFilesAreConvertedAsSuch() {
    Path target = folder.resolve("own.safetensors");
    String line =
        assertThrows(
                IOException.class, () -> OwnFile.convert(whole("unet/" + WEIGHTS), target, null))
            .getMessage();
    assertTrue(line.contains(WEIGHTS), line);
    assertFalse(Files.exists(target));
  }

  private Path whole(String file) {
    return whole.resolve(file);
  }
}
