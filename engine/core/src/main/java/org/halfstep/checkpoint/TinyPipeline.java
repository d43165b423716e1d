package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.halfstep.files.AtomicFolder;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.Tensors;
import org.halfstep.text.ClipTokenizer;

/**
 * A whole text-to-image model of a few megabytes with {@linkplain HashedTensors hashed weights}:
 * its pictures show nothing, but every command and every reader runs on it. Its first stage makes
 * 64x64 pixels of latents of 8x8.
 */
public final class TinyPipeline {
  private static final String WORDS =
      "a an the of in on with and photo photograph picture painting cat dog horse fox astronaut"
          + " riding house tree snow sea sky red blue green small large old new style";

  private static final int WIDTH = 64;
  private static final int GROUPS = 32;
  private static final long SHARD_BYTES = 1 << 20;

  private static final String FOLDER = "diffusers";
  private static final String SHARDED = "sharded";
  private static final String SINGLE = "tiny.safetensors";
  private static final String HALF = "tiny-bf16.safetensors";
  private static final String TORCH = "tiny.ckpt";
  private static final List<String> LAYOUTS = List.of(FOLDER, SHARDED, SINGLE, HALF, TORCH);

  private TinyPipeline() {}

  /** Merges that make each of a few words one token, letter by letter. */
  static ClipTokenizer tokenizer() {
    Set<String> known = new LinkedHashSet<>();
    List<String[]> merges = new ArrayList<>();
    for (String word : WORDS.split(" ")) {
      for (int length = 2; length <= word.length(); length++) {
        String left = word.substring(0, length - 1);
        String right = word.substring(length - 1, length) + (length == word.length() ? "</w>" : "");
        if (known.add(left + right)) {
          merges.add(new String[] {left, right});
        }
      }
    }
    return ClipTokenizer.of(merges);
  }

  /** The model, not written anywhere. */
  static Checkpoint build() throws IOException {
    Checkpoint tiny = new Checkpoint(Path.of("tiny"), Checkpoint.Layout.FOLDER);
    add(
        tiny,
        new UNetDescription(
            4,
            4,
            List.of(32, 64),
            List.of(true, false),
            List.of(false, true),
            1,
            WIDTH,
            List.of(4, 4),
            false,
            GROUPS,
            0,
            0));
    add(
        tiny,
        new AutoencoderDescription(
            3, 4, List.of(32, 32, 64, 64), 1, GROUPS, AutoencoderDescription.USUAL_SCALING, 0, 4));
    add(
        tiny,
        new TextDescription(
            tokenizer().size(), ClipTokenizer.LENGTH, WIDTH, 4 * WIDTH, 2, 4, true));
    tiny.setScheduler(SchedulerConfig.stableDiffusion(SchedulerConfig.EPSILON, false));
    return tiny;
  }

  private static void add(Checkpoint tiny, NetworkDescription network) throws IOException {
    Tensors hashed = tiny.own(new HashedTensors(network));
    NetworkTensors tensors = NetworkTensors.find(hashed, network, network.diffusers());
    tiny.add(new Component(network, network.toJson(), tensors));
  }

  /**
   * Writes it in every layout: the folders diffusers (with a variant bf16 beside the plain files)
   * and sharded, and the files tiny.safetensors, tiny-bf16.safetensors and tiny.ckpt.
   *
   * @param folder not there yet, or empty
   * @return what was written
   */
  public static List<Path> write(Path folder) throws IOException {
    AtomicFolder.write(folder, FOLDER, TinyPipeline::writeAll);
    return LAYOUTS.stream().map(folder::resolve).toList();
  }

  private static void writeAll(Path folder) throws IOException {
    Path words = Files.createDirectory(folder.resolve("words"));
    try (Checkpoint tiny = build()) {
      tokenizer().write(words);
      WriteOptions options = WriteOptions.same().withTokenizer(words);
      Path whole = folder.resolve(FOLDER);
      FolderWriter.write(tiny, whole, options);
      FolderWriter.addVariant(tiny, whole, options.withVariant("bf16").withDtype(Dtype.BF16));
      FolderWriter.write(tiny, folder.resolve(SHARDED), options.withShardBytes(SHARD_BYTES));
      SingleFileWriter.write(tiny, folder.resolve(SINGLE), options);
      SingleFileWriter.write(tiny, folder.resolve(HALF), options.withDtype(Dtype.BF16));
      SingleFileWriter.write(tiny, folder.resolve(TORCH), options);
    }
    try (Stream<Path> files = Files.list(words)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(words);
  }
}
