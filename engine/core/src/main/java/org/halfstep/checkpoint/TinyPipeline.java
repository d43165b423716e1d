package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
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

  /** Latent pixels of a picture in each direction. */
  private static final int SIDE = 8;

  /** Channels of a latent, and of what an inpainting network sees. */
  private static final int CHANNELS = 4;

  private static final int INPAINTING_CHANNELS = 9;

  /** Width of the embedded guidance of a consistency model. */
  private static final int GUIDANCE_WIDTH = 32;

  private static final int GROUPS = 32;

  /** Of the model of classes: its classes, and the codes of its first stage. */
  private static final int CLASSES = 3;

  private static final int CODES = 16;
  private static final long SHARD_BYTES = 1 << 20;

  private static final String FOLDER = "diffusers";
  private static final String SHARDED = "sharded";
  private static final String SINGLE = "tiny.safetensors";
  private static final String HALF = "tiny-bf16.safetensors";
  private static final String TORCH = "tiny.ckpt";
  private static final String INPAINTING = "inpainting";
  private static final String CONSISTENCY = "lcm";
  private static final String OF_CLASSES = "classes";
  private static final List<String> LAYOUTS =
      List.of(FOLDER, SHARDED, SINGLE, HALF, TORCH, INPAINTING, CONSISTENCY, OF_CLASSES);

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

  /** The model, in memory only. */
  static Checkpoint build() throws IOException {
    return build(CHANNELS, 0);
  }

  /**
   * One of its kind, in memory only.
   *
   * @param channels that the UNet sees
   * @param guidance width of its embedded guidance strength; 0 for none
   */
  static Checkpoint build(int channels, int guidance) throws IOException {
    Checkpoint tiny = new Checkpoint(Path.of("tiny"), Checkpoint.Layout.FOLDER);
    add(
        tiny,
        new UNetDescription(
            channels,
            CHANNELS,
            List.of(32, 64),
            List.of(true, false),
            List.of(false, true),
            1,
            WIDTH,
            List.of(4, 4),
            false,
            GROUPS,
            guidance,
            0));
    add(
        tiny,
        new AutoencoderDescription(
            3, 4, List.of(32, 32, 64, 64), 1, GROUPS, AutoencoderDescription.USUAL_SCALING, 0, 4));
    add(
        tiny,
        new TextDescription(
            tokenizer().size(), ClipTokenizer.LENGTH, WIDTH, 4 * WIDTH, 2, 4, true));
    tiny.setScheduler(
        guidance == 0
            ? SchedulerConfig.stableDiffusion(SchedulerConfig.EPSILON, false)
            : SchedulerConfig.consistency());
    return tiny;
  }

  /** One of classes, shaped like latent diffusion's of ImageNet: codes, one wide head, no text. */
  static Checkpoint buildOfClasses() throws IOException {
    Checkpoint tiny = new Checkpoint(Path.of("tiny"), Checkpoint.Layout.FOLDER);
    add(
        tiny,
        new UNetDescription(
            3,
            3,
            List.of(32, 64),
            List.of(false, true),
            List.of(true, false),
            1,
            WIDTH,
            List.of(1, 1),
            false,
            GROUPS,
            0,
            CLASSES + 1));
    add(tiny, new AutoencoderDescription(3, 3, List.of(32, 32, 64), 1, GROUPS, 1, CODES, 3));
    tiny.setScheduler(SchedulerConfig.latentDiffusion());
    return tiny;
  }

  private static void add(Checkpoint tiny, NetworkDescription network) throws IOException {
    Tensors hashed = tiny.own(new HashedTensors(network));
    NetworkTensors tensors = NetworkTensors.find(hashed, network, network.diffusers());
    ObjectNode config = network.toJson();
    if (network.part() == Part.UNET) {
      config.put("sample_size", SIDE);
    }
    tiny.add(new Component(network, config, tensors));
  }

  /**
   * Writes it in every layout: the folders diffusers (with a variant bf16 beside the plain files)
   * and sharded, and the files tiny.safetensors, tiny-bf16.safetensors and tiny.ckpt. Beside them
   * two of its kind as folders: inpainting, whose UNet sees a mask and a masked picture, and lcm, a
   * consistency model, which takes the guidance strength; and classes, a model of three classes
   * whose first stage knows codes.
   *
   * @param folder does not exist yet, or is empty
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
      try (Checkpoint other = build(INPAINTING_CHANNELS, 0)) {
        FolderWriter.write(other, folder.resolve(INPAINTING), options);
      }
      try (Checkpoint other = build(CHANNELS, GUIDANCE_WIDTH)) {
        FolderWriter.write(other, folder.resolve(CONSISTENCY), options);
      }
    }
    try (Checkpoint other = buildOfClasses()) {
      FolderWriter.write(other, folder.resolve(OF_CLASSES), WriteOptions.same());
    }
    try (Stream<Path> files = Files.list(words)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(words);
  }
}
