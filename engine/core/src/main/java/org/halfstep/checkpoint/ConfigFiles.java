package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;

/** Configurations in a folder of diffusers: one config.json for each network. */
final class ConfigFiles {
  static final String CONFIG = "config.json";
  static final String SCHEDULER = "scheduler";
  static final String SCHEDULER_CONFIG = "scheduler_config.json";

  private ConfigFiles() {}

  /** The folder of a network, if there is one with a configuration. */
  static Optional<Path> folder(Path root, Part part) {
    return part.folders().stream()
        .map(root::resolve)
        .filter(folder -> Files.isRegularFile(folder.resolve(CONFIG)))
        .findFirst();
  }

  static ObjectNode read(Path folder) throws IOException {
    return Json.read(ObjectNode.class, folder.resolve(CONFIG));
  }

  /**
   * What a configuration describes.
   *
   * @throws DataException in one line that names the key, when this engine has no such network
   */
  static NetworkDescription describe(
      Part part, ObjectNode config, String origin, Consumer<String> notes) throws DataException {
    ConfigKeys keys = new ConfigKeys(config, origin, notes);
    return switch (part) {
      case UNET -> UNetDescription.of(keys);
      case AUTOENCODER -> AutoencoderDescription.of(keys);
      case TEXT_ENCODER -> isBert(config) ? BertDescription.of(keys) : TextDescription.of(keys);
    };
  }

  private static boolean isBert(ObjectNode config) {
    return config.path("model_type").asText().equals("bert");
  }

  /** Which network a configuration is of. */
  static Optional<Part> part(ObjectNode config) {
    if (isBert(config) || config.path("model_type").asText().equals("clip_text_model")) {
      return Optional.of(Part.TEXT_ENCODER);
    }
    return switch (config.path("_class_name").asText()) {
      case "UNet2DConditionModel" -> Optional.of(Part.UNET);
      case "AutoencoderKL", "VQModel" -> Optional.of(Part.AUTOENCODER);
      default -> Optional.empty();
    };
  }

  /** The sampler's configuration of a folder, if it has one. */
  static Optional<SchedulerConfig> scheduler(Path root, Consumer<String> notes) throws IOException {
    Path file = root.resolve(SCHEDULER).resolve(SCHEDULER_CONFIG);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    ObjectNode json = Json.read(ObjectNode.class, file);
    return Optional.of(SchedulerConfig.of(json, new ConfigKeys(json, file.toString(), notes)));
  }
}
