package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.model.NetworkFormat;
import org.halfstep.model.Quantization;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/** Reads folders of diffusers: of a whole pipeline, by its model_index.json, or of one network. */
final class FolderReader {
  static final String INDEX = "model_index.json";
  static final String TOKENIZER = "tokenizer";

  private static final Set<String> PIPELINES =
      Set.of(
          "StableDiffusionPipeline",
          "StableDiffusionImg2ImgPipeline",
          "StableDiffusionInpaintPipeline",
          "LatentConsistencyModelPipeline",
          "LatentConsistencyModelImg2ImgPipeline",
          "LDMPipeline");

  private final CheckpointOptions options;
  private final Checkpoint checkpoint;

  private FolderReader(CheckpointOptions options, Checkpoint checkpoint) {
    this.options = options;
    this.checkpoint = checkpoint;
  }

  static Checkpoint open(Path folder, CheckpointOptions options) throws IOException {
    boolean whole = Files.isRegularFile(folder.resolve(INDEX));
    Checkpoint checkpoint =
        new Checkpoint(folder, whole ? Checkpoint.Layout.FOLDER : Checkpoint.Layout.COMPONENT);
    try {
      FolderReader reader = new FolderReader(options, checkpoint);
      if (whole) {
        reader.pipeline(folder);
      } else if (Files.isRegularFile(folder.resolve(ConfigFiles.CONFIG))) {
        reader.lone(folder);
      } else {
        throw new DataException(
            folder,
            "has no "
                + INDEX
                + " and no "
                + ConfigFiles.CONFIG
                + ": expected a pipeline of diffusers, or the folder of one of its networks");
      }
      return checkpoint;
    } catch (Throwable failure) {
      checkpoint.close();
      throw failure;
    }
  }

  private void lone(Path folder) throws IOException {
    ObjectNode config = ConfigFiles.read(folder);
    Part part =
        ConfigFiles.part(config)
            .orElseThrow(
                () ->
                    new DataException(
                        folder.resolve(ConfigFiles.CONFIG),
                        "_class_name: is "
                            + config.path("_class_name")
                            + "; expected UNet2DConditionModel, AutoencoderKL or VQModel, or"
                            + " model_type clip_text_model"));
    component(folder, part, config);
  }

  private void pipeline(Path folder) throws IOException {
    Path file = folder.resolve(INDEX);
    ObjectNode index = Json.read(ObjectNode.class, file);
    String kind = index.path("_class_name").asText();
    if (!PIPELINES.contains(kind)) {
      throw new DataException(
          file,
          "_class_name: is \""
              + kind
              + "\"; this engine runs "
              + String.join(", ", new TreeSet<>(PIPELINES)));
    }
    for (Part part : Part.values()) {
      for (String name : part.folders()) {
        if (isComponent(index.path(name))) {
          requireKnown(file, name, index.path(name).get(1).asText());
          Path inside = folder.resolve(name);
          if (!Files.isRegularFile(inside.resolve(ConfigFiles.CONFIG))) {
            throw new DataException(
                folder,
                "its "
                    + INDEX
                    + " names "
                    + name
                    + ", but there is no "
                    + name
                    + "/"
                    + ConfigFiles.CONFIG
                    + ": copy or download that folder");
          }
          component(inside, part, ConfigFiles.read(inside));
        }
      }
    }
    if (checkpoint.component(Part.UNET).isEmpty()) {
      throw new DataException(file, "names no unet: expected a pipeline with one");
    }
    Optional<SchedulerConfig> scheduler = ConfigFiles.scheduler(folder, checkpoint::note);
    scheduler.ifPresent(checkpoint::setScheduler);
    Path tokenizer = folder.resolve(TOKENIZER);
    if (Files.isDirectory(tokenizer)) {
      checkpoint.setTokenizer(tokenizer);
    }
  }

  /**
   * A component is a pair of library and class; other values, and pairs of null, are not
   * components.
   */
  private static boolean isComponent(JsonNode value) {
    return value.isArray() && value.size() == 2 && value.get(1).isTextual();
  }

  private static void requireKnown(Path file, String name, String type) throws DataException {
    if (type.startsWith("Flax") || type.startsWith("Onnx")) {
      throw new DataException(
          file,
          name
              + ": is a "
              + type
              + ", of another framework; expected the folder of the same model for PyTorch");
    }
  }

  private void component(Path folder, Part part, ObjectNode config) throws IOException {
    String origin = folder.resolve(ConfigFiles.CONFIG).toString();
    NetworkDescription network = ConfigFiles.describe(part, config, origin, checkpoint::note);
    Path weights = WeightFiles.choose(folder, part, options.variant(), checkpoint::note);
    Tensors file = checkpoint.own(TensorFiles.open(weights));
    if (network instanceof UNetDescription unet) {
      network = withClasses(unet, file);
    }
    Quantization quantization = NetworkFormat.quantization(file).orElse(null);
    NetworkTensors tensors =
        quantization == null
            ? NetworkTensors.find(file, network, network.diffusers())
            : NetworkTensors.findQuantized(file, network, network.diffusers());
    NetworkTensors.requireNoOthers(
        file.origin(), file.names(), tensors.taken(), network.diffusers()::ignores);
    checkpoint.add(new Component(network, config, tensors, quantization));
  }

  /**
   * The table of classes is not in diffusers' configuration: only the file shows whether there is
   * one.
   */
  private static UNetDescription withClasses(UNetDescription unet, Tensors file) {
    Optional<TensorView> table = file.find(UNetDescription.CLASS_TABLE);
    return table.isPresent() && table.get().shape().length == 2 && table.get().elements() > 0
        ? unet.withClasses((int) Math.min(table.get().shape()[0], Integer.MAX_VALUE))
        : unet;
  }
}
