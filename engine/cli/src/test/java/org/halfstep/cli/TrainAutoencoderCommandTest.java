package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An autoencoder from the command line: trained, looked at, begun with, converted, refused. */
class TrainAutoencoderCommandTest {
  private static final int SIDE = 16;
  private static final int HELD_OUT = 5;

  @TempDir Path folder;

  private Path pictures(String name, String... splits) throws IOException {
    Path data = folder.resolve(name);
    Random random = new Random(1);
    for (String split : splits) {
      Path inside = Files.createDirectories(data.resolve(split).resolve("all"));
      for (int i = 0; i < HELD_OUT; i++) {
        byte[] pixels = new byte[SIDE * SIDE * 3];
        random.nextBytes(pixels);
        ImageBatch one = new ImageBatch(1, SIDE, SIDE, 3, pixels);
        ImageGrid.writeSingle(inside.resolve(i + ".png"), one, 0, Map.of());
      }
    }
    return data;
  }

  private static Object[] training(Path data, Path out, Object... more) {
    Object[] usual = {
      "train-autoencoder", "--preset", "tiny", "--data", data, "--out", out, "--updates", 6
    };
    Object[] all = new Object[usual.length + more.length];
    System.arraycopy(usual, 0, all, 0, usual.length);
    System.arraycopy(more, 0, all, usual.length, more.length);
    return all;
  }

  @Test
  void itIsTrainedComparedConvertedAndBegunWith() throws IOException {
    Path data = pictures("data", "train", "test");
    Path out = folder.resolve("out");
    String trained = succeeds(training(data, out));
    assertTrue(trained.contains("latents of 8x8x4"), trained);
    String line = "PSNR [0-9.]+ dB, SSIM [0-9.-]+ of " + HELD_OUT + " held-out pictures";
    assertTrue(trained.lines().anyMatch(said -> said.matches(".*" + line + ".*")), trained);
    // Five columns with a border of two pixels; one row of pictures, and one of what became of
    // them.
    assertEquals(2 + 5 * 18, ImageIO.read(out.resolve("reconstructions.png").toFile()).getWidth());
    assertEquals(2 + 2 * 18, ImageIO.read(out.resolve("reconstructions.png").toFile()).getHeight());

    assertTrue(succeeds(training(data, out)).contains("is finished"), "a second time");
    String compared = succeeds("train-autoencoder", "--data", data, "--out", out, "--evaluate");
    assertTrue(compared.matches("(?s).*" + line + ".*"), compared);

    Path half = folder.resolve("half");
    succeeds("convert", "--model", out.resolve("vae"), "--dtype", "bf16", "--out", half);
    try (Checkpoint whole = Checkpoint.open(out.resolve("vae"), CheckpointOptions.standard());
        Checkpoint converted = Checkpoint.open(half, CheckpointOptions.standard())) {
      Component before = whole.component(Part.AUTOENCODER).orElseThrow();
      Component after = converted.component(Part.AUTOENCODER).orElseThrow();
      assertEquals(before.network(), after.network(), "the scaling is kept");
      assertEquals(before.config(), after.config(), "the card is kept");
      assertEquals(Dtype.BF16, after.tensors().find("quant_conv.weight").orElseThrow().dtype());
    }
    Path second = folder.resolve("second");
    succeeds(training(data, second, "--from", out.resolve("vae")));
    String config = Files.readString(second.resolve("config.json"));
    assertTrue(config.contains("\"from\""), config);
    String refused = refused(training(data, second));
    assertTrue(refused.contains("holds a run with from "), refused);
    String shape =
        refused(
            training(
                data,
                folder.resolve("third"),
                "--from",
                out.resolve("vae"),
                "--set",
                "autoencoder.network.block_out_channels=[8,8]"));
    assertTrue(shape.contains("is a first stage of another shape"), shape);
  }

  @Test
  void withoutHeldOutPicturesNothingIsCompared() throws IOException {
    Path data = pictures("data", "train");
    String trained = succeeds(training(data.resolve("train"), folder.resolve("out")));
    assertTrue(trained.contains("has no pictures that are not learned from"), trained);
  }

  /** Of labels that are longer than a file of settings may be, a run keeps a digest. */
  @Test
  void anyNumberOfLabelsIsContinued() throws IOException {
    int each = 9_000;
    Path data = pictures("data", "train");
    List<String> lines = new ArrayList<>();
    lines.add("file\tcaption\tlabel");
    byte[] picture = Files.readAllBytes(data.resolve("train/all/0.png"));
    for (int i = 0; i <= (1 << 20) / each; i++) {
      Files.write(data.resolve(i + ".png"), picture);
      lines.add(i + ".png\ta picture\t" + "x".repeat(each) + i);
    }
    Files.write(data.resolve("captions.tsv"), lines);
    Path out = folder.resolve("out");
    succeeds(training(data, out));
    String config = Files.readString(out.resolve("config.json"));
    assertTrue(config.contains("\"count\" : " + (lines.size() - 1)), config);
    assertTrue(succeeds(training(data, out)).contains("is finished"), "a second time");
    lines.set(1, "0.png\ta picture\ty");
    Files.write(data.resolve("captions.tsv"), lines);
    String refused = refused(training(data, out));
    assertTrue(refused.contains("holds a run with data.classes.sha256"), refused);
  }

  @Test
  void whatIsNoRunCannotBeCompared() throws IOException {
    Path data = pictures("data", "train", "test");
    Path out = Files.createDirectory(folder.resolve("out"));
    Files.writeString(out.resolve("config.json"), "{\"teacher\": {}}");
    String refused = refused("train-autoencoder", "--data", data, "--out", out, "--evaluate");
    assertTrue(refused.contains("is not the folder of an autoencoder's run"), refused);
  }
}
