package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.safetensors.Bfloat16;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tiny model through every layout and number format, as a person types it. */
class ConvertCommandTest {
  @TempDir private static Path folder;
  private static Path tiny;

  @BeforeAll
  static void write() {
    tiny = folder.resolve("tiny");
    String out = succeeds("convert", "--tiny", tiny);
    assertEquals(9, out.lines().count(), out);
  }

  /** The tensors of a file, by what is in them. */
  private static void sameTensors(Path expected, Path got) throws IOException {
    try (SafetensorsFile one = SafetensorsFile.open(expected);
        SafetensorsFile two = SafetensorsFile.open(got)) {
      assertEquals(one.names(), two.names());
      for (String name : one.names()) {
        assertEquals(one.tensor(name).dtype(), two.tensor(name).dtype(), name);
        assertArrayEquals(one.tensor(name).shape(), two.tensor(name).shape(), name);
        assertArrayEquals(one.tensor(name).floats(), two.tensor(name).floats(), name);
      }
    }
  }

  @Test
  void everyLayoutBecomesTheSameFile() throws IOException {
    for (String layout : List.of("diffusers", "sharded", "tiny.ckpt", "tiny.safetensors")) {
      Path out = folder.resolve("from-" + layout + ".safetensors");
      String said = succeeds("convert", "--model", tiny.resolve(layout), "--out", out);
      assertTrue(said.contains("unet: 803,204 parameters"), said);
      sameTensors(tiny.resolve("tiny.safetensors"), out);
      Path half = folder.resolve("bf16-" + layout + ".safetensors");
      succeeds("convert", "--model", tiny.resolve(layout), "--dtype", "bf16", "--out", half);
      sameTensors(tiny.resolve("tiny-bf16.safetensors"), half);
    }
    Path variant = folder.resolve("variant.safetensors");
    succeeds(
        "convert", "--model", tiny.resolve("diffusers"), "--variant", "bf16", "--out", variant);
    sameTensors(tiny.resolve("tiny-bf16.safetensors"), variant);
  }

  @Test
  void aFileBecomesAFolderAndComesBack() throws IOException {
    Path whole = folder.resolve("whole");
    succeeds(
        "convert",
        "--model",
        tiny.resolve("tiny.ckpt"),
        "--tokenizer",
        tiny.resolve("diffusers/tokenizer"),
        "--dtype",
        "f16",
        "--out-variant",
        "fp16",
        "--shards",
        1,
        "--out",
        whole);
    assertTrue(Files.exists(whole.resolve("tokenizer/merges.txt")));
    assertTrue(
        Files.exists(whole.resolve("unet/diffusion_pytorch_model.safetensors.index.fp16.json")));
    Path ckpt = folder.resolve("back.ckpt");
    String said = succeeds("convert", "--model", whole, "--out", ckpt);
    assertTrue(said.contains("variant fp16 is taken"), said);
    Path file = folder.resolve("back.safetensors");
    succeeds("convert", "--model", ckpt, "--out", file);
    Path direct = folder.resolve("direct.safetensors");
    succeeds("convert", "--model", tiny.resolve("tiny.ckpt"), "--dtype", "f16", "--out", direct);
    sameTensors(direct, file);
  }

  @Test
  void modelsOfOursKeepTheirLayout() throws IOException {
    Path same = folder.resolve("same.safetensors");
    Path wide = folder.resolve("wide.safetensors");
    Path half = folder.resolve("half.safetensors");
    succeeds("convert", "--model", "fashion-mnist-1", "--out", same);
    succeeds("convert", "--model", same, "--dtype", "f32", "--out", wide);
    succeeds("convert", "--model", wide, "--dtype", "f16", "--out", half);
    try (SafetensorsFile one = SafetensorsFile.open(same);
        SafetensorsFile two = SafetensorsFile.open(wide);
        SafetensorsFile three = SafetensorsFile.open(half)) {
      assertEquals(one.metadata(), two.metadata());
      assertEquals(one.metadata(), three.metadata());
      for (String name : one.names()) {
        TensorView stored = one.tensor(name);
        assertEquals(Dtype.BF16, stored.dtype());
        assertEquals(Dtype.F32, two.tensor(name).dtype());
        assertEquals(Dtype.F16, three.tensor(name).dtype());
        float[] values = stored.floats();
        assertArrayEquals(values, two.tensor(name).floats());
        float[] rounded = three.tensor(name).floats();
        for (int i = 0; i < values.length; i++) {
          assertEquals(Float.float16ToFloat(Float.floatToFloat16(values[i])), rounded[i]);
          assertEquals(values[i], Bfloat16.toFloat(Bfloat16.fromFloat(values[i])));
        }
      }
    }
    Path int8 = folder.resolve("x");
    assertTrue(
        refused("convert", "--model", same, "--out", int8)
            .contains("is a model of Halfstep's own, which is a .safetensors file"));
  }

  @Test
  void whatCannotBeIsRefusedInALine() throws IOException {
    assertTrue(refused("convert").contains("expected --model PATH and --out PATH, or --tiny"));
    assertTrue(refused("convert", "--tiny", tiny).contains("is there already"));
    assertTrue(
        refused("convert", "--tiny", folder.resolve("t"), "--out", "x").contains("leave out"));
    assertTrue(
        refused("convert", "--model", "nowhere", "--out", "x")
            .contains("nowhere: there is no such file or folder, and no bundled model"));
    Path file = folder.resolve("f.safetensors");
    assertTrue(
        refused("convert", "--model", tiny.resolve("diffusers"), "--shards", 1, "--out", file)
            .contains("are for folders"));
    assertTrue(
        refused("convert", "--model", tiny.resolve("diffusers"), "--variant", "../x", "--out", file)
            .contains("variant ../x: expected letters"));
    assertTrue(
        refused("convert", "--model", tiny.resolve("diffusers"), "--out", tiny)
            .contains("is there already"));
    assertTrue(
        refused("convert", "--model", tiny.resolve("diffusers"), "--out", "/")
            .contains("/: is there already"));
    assertTrue(
        refused("convert", "--model", tiny, "--out", file).contains("has no model_index.json"));
    Path text = Files.writeString(folder.resolve("text.ckpt"), "not a model");
    assertTrue(refused("convert", "--model", text, "--out", file).contains("text.ckpt: "));
    assertFalse(Files.exists(file));
  }

  @Test
  void theOldNameAnswersWithTheNewCommand() {
    assertTrue(
        refused("export", "--model", "a b.safetensors", "--dtype", "bf16", "--out", "c")
            .contains("halfstep convert --model a b.safetensors --dtype bf16 --out c"));
    assertTrue(refused("export").contains("halfstep convert --model"));
    assertFalse(succeeds("help").contains("export"));
  }
}
