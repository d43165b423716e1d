package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.WritableTensor;
import org.halfstep.text.ClipTokenizer;

/**
 * One network of a latent model as one file of the project's own: safetensors whose metadata say
 * what folders of diffusers say beside the weights. Models that share a network share its file, and
 * several files together are a {@link Checkpoint}.
 *
 * <p>The metadata are "format", "config" (the network's config.json), with a UNet "scheduler" (its
 * scheduler_config.json) and with a text encoder "tokenizer" (its merges, and the padding where it
 * is named).
 */
public final class ComponentFile {
  private static final String FORMAT = "format";
  private static final String OURS = "halfstep-component-1";
  private static final String CONFIG = "config";
  private static final String SCHEDULER = "scheduler";
  private static final String TOKENIZER = "tokenizer";
  private static final String MERGES = "merges";
  private static final String PADDING = "padding";

  private ComponentFile() {}

  /**
   * Writes one network of a checkpoint, with what belongs to it.
   *
   * @param dtype F32, F16 or BF16; null to keep what each tensor has
   * @throws IOException in one line, when the checkpoint lacks the network or what belongs to it,
   *     or the file cannot be written
   */
  public static void write(Checkpoint from, Part part, Path file, Dtype dtype) throws IOException {
    Component component =
        from.component(part)
            .orElseThrow(() -> new DataException(from.path(), "has no " + part.title()))
            .requireFloating();
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(FORMAT, OURS);
    metadata.put(CONFIG, Json.text(component.config()));
    if (part == Part.UNET) {
      SchedulerConfig scheduler =
          from.scheduler()
              .orElseThrow(() -> new DataException(from.path(), "says no noise schedule"));
      metadata.put(SCHEDULER, Json.text(scheduler.json()));
    }
    if (part == Part.TEXT_ENCODER) {
      if (!(from.openTokenizer().orElse(null) instanceof ClipTokenizer tokenizer)) {
        throw new DataException(
            from.path(), "has no tokenizer of byte pairs, which such a file keeps");
      }
      metadata.put(TOKENIZER, Json.text(text(tokenizer)));
    }
    List<WritableTensor> tensors = new ArrayList<>();
    for (String name : component.network().shapes().keySet()) {
      tensors.add(component.tensors().writable(name, dtype));
    }
    SafetensorsWriter.write(file, tensors, metadata);
  }

  private static ObjectNode text(ClipTokenizer tokenizer) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    ArrayNode merges = node.putArray(MERGES);
    tokenizer.merges().forEach(pair -> merges.add(pair[0] + " " + pair[1]));
    if (tokenizer.namesPadding()) {
      node.put(PADDING, tokenizer.padding());
    }
    return node;
  }

  /**
   * Opens files of networks as the model that they are together.
   *
   * @param name of the model, for error texts
   * @param files of different networks; they need not be there once this returns
   * @throws IOException in one line that names the file, when it is damaged, or not such a file
   */
  public static Checkpoint open(Path name, List<Path> files) throws IOException {
    Checkpoint checkpoint = new Checkpoint(name, Checkpoint.Layout.FOLDER);
    try {
      for (Path file : files) {
        add(checkpoint, file);
      }
      return checkpoint;
    } catch (IOException | RuntimeException failure) {
      checkpoint.close();
      throw failure;
    }
  }

  private static void add(Checkpoint checkpoint, Path path) throws IOException {
    SafetensorsFile file = (SafetensorsFile) checkpoint.own(SafetensorsFile.open(path));
    Map<String, String> metadata = file.metadata();
    if (!OURS.equals(metadata.get(FORMAT)) || !metadata.containsKey(CONFIG)) {
      throw new DataException(
          path,
          "is not one network of a latent model: expected \"format\": \""
              + OURS
              + "\" in its metadata");
    }
    ObjectNode config = json(path, CONFIG, metadata.get(CONFIG));
    Part part =
        ConfigFiles.part(config)
            .orElseThrow(() -> new DataException(path, "config: describes no network"));
    if (checkpoint.component(part).isPresent()) {
      throw new DataException(path, "is a second " + part.title() + " of one model");
    }
    NetworkDescription network =
        ConfigFiles.describe(part, config, path.toString(), checkpoint::note);
    NetworkTensors tensors = NetworkTensors.find(file, network, network.diffusers());
    NetworkTensors.requireNoOthers(
        file.origin(), file.names(), tensors.taken(), network.diffusers()::ignores);
    checkpoint.add(new Component(network, config, tensors));
    if (metadata.containsKey(SCHEDULER)) {
      ObjectNode scheduler = json(path, SCHEDULER, metadata.get(SCHEDULER));
      checkpoint.setScheduler(
          SchedulerConfig.of(
              scheduler, new ConfigKeys(scheduler, path.toString(), checkpoint::note)));
    }
    if (metadata.containsKey(TOKENIZER)) {
      checkpoint.setTokenizer(tokenizer(path, json(path, TOKENIZER, metadata.get(TOKENIZER))));
    }
  }

  private static ObjectNode json(Path path, String what, String text) throws DataException {
    try {
      return Json.parse(ObjectNode.class, what, text);
    } catch (IllegalArgumentException damaged) {
      throw new DataException(path, damaged.getMessage());
    }
  }

  private static ClipTokenizer tokenizer(Path path, ObjectNode said) throws DataException {
    List<String[]> merges = new ArrayList<>();
    said.path(MERGES).forEach(pair -> merges.add(pair.asText().split(" ", -1)));
    if (merges.isEmpty() || merges.size() > ClipTokenizer.MOST_MERGES) {
      throw new DataException(
          path,
          "tokenizer: has "
              + merges.size()
              + " merges; expected 1 to "
              + ClipTokenizer.MOST_MERGES);
    }
    try {
      ClipTokenizer tokenizer = ClipTokenizer.of(merges);
      return said.has(PADDING) ? tokenizer.withPadding(said.path(PADDING).asInt(-1)) : tokenizer;
    } catch (IllegalArgumentException impossible) {
      throw new DataException(path, "tokenizer: " + impossible.getMessage());
    }
  }
}
