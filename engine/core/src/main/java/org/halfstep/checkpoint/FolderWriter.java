package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.files.AtomicFolder;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.safetensors.ConvertedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.WritableTensor;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.WordPieceTokenizer;

/**
 * Writes folders of diffusers: of a whole pipeline, or of one network where the checkpoint has no
 * more. A folder is there whole or not at all: it is written aside and renamed.
 */
public final class FolderWriter {
  private static final Map<String, String> METADATA = Map.of("format", "pt");
  private static final String VERSION = "0.30.0";

  private static final List<String> TOKENIZER_FILES =
      List.of(
          "merges.txt",
          "vocab.json",
          "vocab.txt",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json");

  /** What the weights of an int8 network are called besides. */
  private static final String INT8 = "int8";

  /** Writes a network's weights in a way of its own. */
  @FunctionalInterface
  public interface Weights {
    void write(Path file) throws IOException;
  }

  private final Checkpoint checkpoint;
  private final WriteOptions options;

  /** Writes the UNet in int8; null where it stays as it is. */
  private final Weights quantized;

  private FolderWriter(Checkpoint checkpoint, WriteOptions options, Weights quantized) {
    this.checkpoint = checkpoint;
    this.options = options;
    this.quantized = quantized;
  }

  /**
   * Writes a folder that does not exist yet, or is empty.
   *
   * @return lines about what is not in it
   * @throws IOException in one line, when the checkpoint does not say what a folder must, or the
   *     folder cannot be written
   */
  public static List<String> write(Checkpoint checkpoint, Path folder, WriteOptions options)
      throws IOException {
    return write(folder, new FolderWriter(checkpoint, options, null));
  }

  /**
   * Writes a folder that is not there yet, or empty, with the int8 form of the UNet in place of its
   * weights: of variant {@value #INT8}, in a file of ours.
   *
   * @param unet writes that file
   * @return lines about what is not in it
   * @throws IOException in one line, as above
   */
  public static List<String> writeQuantized(
      Checkpoint checkpoint, Path folder, WriteOptions options, Weights unet) throws IOException {
    return write(folder, new FolderWriter(checkpoint, options, unet));
  }

  private static List<String> write(Path folder, FolderWriter writer) throws IOException {
    List<String> notes = new ArrayList<>();
    AtomicFolder.write(folder, writer.last(), aside -> notes.addAll(writer.write(aside)));
    return notes;
  }

  /**
   * The same in the place of a folder that was written before, which stays until the new one is
   * whole.
   */
  public static List<String> replace(Checkpoint checkpoint, Path folder, WriteOptions options)
      throws IOException {
    List<String> notes = new ArrayList<>();
    FolderWriter writer = new FolderWriter(checkpoint, options, null);
    AtomicFolder.replace(folder, writer.last(), aside -> notes.addAll(writer.write(aside)));
    return notes;
  }

  /**
   * Writes a checkpoint's tokenizer by itself.
   *
   * @param folder where its files go
   * @throws IOException in one line, when it has none, or it cannot be written
   */
  public static void writeTokenizer(Checkpoint checkpoint, Path folder) throws IOException {
    if (!new FolderWriter(checkpoint, WriteOptions.same(), null).tokenizer(folder)) {
      throw new DataException(checkpoint.path(), "has no tokenizer");
    }
  }

  /** The file without which a folder means nothing. */
  private String last() {
    return isOneNetwork() ? ConfigFiles.CONFIG : FolderReader.INDEX;
  }

  /** Writes weights beside those that a folder has, under the name of a variant. */
  static void addVariant(Checkpoint checkpoint, Path folder, WriteOptions options)
      throws IOException {
    FolderWriter writer = new FolderWriter(checkpoint, options, null);
    for (Component component : checkpoint.components().values()) {
      writer.weights(folder.resolve(name(component)), component);
    }
  }

  private boolean isOneNetwork() {
    return checkpoint.components().size() == 1 && checkpoint.scheduler().isEmpty();
  }

  private List<String> write(Path folder) throws IOException {
    List<String> notes = new ArrayList<>();
    Component unet = checkpoint.component(Part.UNET).orElse(null);
    if (isOneNetwork()) {
      component(folder, checkpoint.components().values().iterator().next());
      return notes;
    }
    if (unet == null) {
      throw new DataException(
          checkpoint.path(), "has no UNet: a pipeline's folder cannot be written without one");
    }
    SchedulerConfig scheduler =
        checkpoint
            .scheduler()
            .orElseThrow(
                () ->
                    new DataException(
                        checkpoint.path(),
                        "does not say whether its UNet predicts eps or v, which a folder says: add"
                            + " --prediction eps or --prediction v"));
    for (Component component : checkpoint.components().values()) {
      component(folder.resolve(name(component)), component);
    }
    Path schedulers = Files.createDirectories(folder.resolve(ConfigFiles.SCHEDULER));
    Json.write(schedulers.resolve(ConfigFiles.SCHEDULER_CONFIG), scheduler.json());
    boolean tokenizer = tokenizer(folder.resolve(FolderReader.TOKENIZER));
    if (!tokenizer && checkpoint.component(Part.TEXT_ENCODER).isPresent()) {
      notes.add("it has no tokenizer, since " + checkpoint.path() + " has none");
    }
    Json.write(folder.resolve(FolderReader.INDEX), index(scheduler, tokenizer));
    return notes;
  }

  private static String name(Component component) {
    List<String> names = component.part().folders();
    return component.network() instanceof AutoencoderDescription stage && stage.isQuantized()
        ? names.getLast()
        : names.getFirst();
  }

  private ObjectNode index(SchedulerConfig scheduler, boolean tokenizer) {
    UNetDescription unet =
        (UNetDescription) checkpoint.component(Part.UNET).orElseThrow().network();
    ObjectNode index = JsonNodeFactory.instance.objectNode();
    index.put("_class_name", pipeline(unet, scheduler));
    index.put("_diffusers_version", VERSION);
    boolean text = checkpoint.component(Part.TEXT_ENCODER).isPresent();
    if (text) {
      index.putArray("feature_extractor").addNull().addNull();
      index.put("requires_safety_checker", false);
      index.putArray("safety_checker").addNull().addNull();
    }
    index.putArray(ConfigFiles.SCHEDULER).add("diffusers").add(scheduler.className());
    boolean bert = isOfBert();
    if (text) {
      index.putArray("text_encoder").add("transformers").add(bert ? "BertModel" : "CLIPTextModel");
    }
    if (tokenizer) {
      index
          .putArray(FolderReader.TOKENIZER)
          .add("transformers")
          .add(bert ? "BertTokenizerFast" : "CLIPTokenizer");
    }
    for (Component component : checkpoint.components().values()) {
      if (component.part() != Part.TEXT_ENCODER) {
        index
            .putArray(name(component))
            .add("diffusers")
            .add(component.network().toJson().path("_class_name").asText());
      }
    }
    return index;
  }

  private boolean isOfBert() {
    return checkpoint
        .component(Part.TEXT_ENCODER)
        .filter(encoder -> encoder.network() instanceof BertDescription)
        .isPresent();
  }

  /** The class that runs it: stock pipelines take a network with embedded guidance as well. */
  private static String pipeline(UNetDescription unet, SchedulerConfig scheduler) {
    if (unet.classRows() > 0) {
      return "LDMPipeline";
    }
    if (unet.guidanceWidth() > 0 && scheduler.className().equals("LCMScheduler")) {
      return "LatentConsistencyModelPipeline";
    }
    return unet.inChannels() == 2 * unet.outChannels() + 1
        ? "StableDiffusionInpaintPipeline"
        : "StableDiffusionPipeline";
  }

  private void component(Path folder, Component component) throws IOException {
    Files.createDirectories(folder);
    Json.write(folder.resolve(ConfigFiles.CONFIG), component.config());
    if (quantized != null && component.part() == Part.UNET) {
      quantized.write(folder.resolve(Part.UNET.stem() + "." + INT8 + ".safetensors"));
      return;
    }
    weights(folder, component.requireFloating());
  }

  private void weights(Path folder, Component component) throws IOException {
    List<WritableTensor> tensors = new ArrayList<>();
    for (String name : component.network().shapes().keySet()) {
      tensors.add(component.tensors().writable(name, options.dtype()));
      if (options.dtype() == Dtype.F16) {
        TensorView tensor = component.tensors().find(name).orElseThrow();
        NumberRange.require(
            List.of(ConvertedTensor.of(name, Dtype.F16, tensor)), checkpoint.path());
      }
    }
    String stem = component.part().stem();
    String dotted = options.variant() == null ? "" : "." + options.variant();
    List<List<WritableTensor>> shards = shards(tensors);
    if (shards.size() == 1) {
      SafetensorsWriter.write(folder.resolve(stem + dotted + ".safetensors"), tensors, METADATA);
      return;
    }
    ObjectNode index = JsonNodeFactory.instance.objectNode();
    long bytes = tensors.stream().mapToLong(WritableTensor::bytes).sum();
    index.putObject("metadata").put("total_size", bytes);
    ObjectNode where = index.putObject("weight_map");
    for (int i = 0; i < shards.size(); i++) {
      String file =
          String.format(
              Locale.ROOT, "%s%s-%05d-of-%05d.safetensors", stem, dotted, i + 1, shards.size());
      SafetensorsWriter.write(folder.resolve(file), shards.get(i), METADATA);
      shards.get(i).forEach(tensor -> where.put(tensor.name(), file));
    }
    Json.write(folder.resolve(stem + ".safetensors.index" + dotted + ".json"), index);
  }

  /** Files of at most this many bytes, unless a single tensor has more. */
  private List<List<WritableTensor>> shards(List<WritableTensor> tensors) {
    List<List<WritableTensor>> shards = new ArrayList<>();
    shards.add(new ArrayList<>());
    long size = 0;
    for (WritableTensor tensor : tensors) {
      if (options.shardBytes() > 0 && size > 0 && size + tensor.bytes() > options.shardBytes()) {
        shards.add(new ArrayList<>());
        size = 0;
      }
      shards.getLast().add(tensor);
      size += tensor.bytes();
    }
    return shards;
  }

  private boolean tokenizer(Path folder) throws IOException {
    Path source =
        options.tokenizer() == null ? checkpoint.tokenizer().orElse(null) : options.tokenizer();
    if (source == null) {
      return ownTokenizer(folder);
    }
    if (isOfBert()) {
      WordPieceTokenizer.open(source);
    } else {
      ClipTokenizer tokenizer = ClipTokenizer.open(source);
      if (!Files.isDirectory(source)) {
        tokenizer.write(Files.createDirectories(folder));
        return true;
      }
    }
    Files.createDirectories(folder);
    if (!Files.isDirectory(source)) {
      Files.copy(source, folder.resolve(source.getFileName()));
      return true;
    }
    for (String name : TOKENIZER_FILES) {
      Path file = source.resolve(name);
      if (Files.isRegularFile(file)) {
        Files.copy(file, folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    return true;
  }

  /** A tokenizer that lies in no folder. */
  private boolean ownTokenizer(Path folder) throws IOException {
    if (!(checkpoint.openTokenizer().orElse(null) instanceof ClipTokenizer tokenizer)) {
      return false;
    }
    int positions =
        checkpoint
            .component(Part.TEXT_ENCODER)
            .map(text -> ((TextEncoderDescription) text.network()).positions())
            .orElse(ClipTokenizer.LENGTH);
    tokenizer.write(Files.createDirectories(folder), positions);
    return true;
  }
}
