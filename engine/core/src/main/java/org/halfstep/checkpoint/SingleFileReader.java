package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.files.TextFile;
import org.halfstep.model.TensorNames;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;
import org.halfstep.torch.TorchFile;

/**
 * Reads single files: all networks of CompVis' checkpoints under prefixes, or one network without.
 */
final class SingleFileReader {
  private static final Pattern VELOCITY_SETTING =
      Pattern.compile("(?m)^\\s*parameterization:\\s*[\"']?v[\"']?\\s*$");

  private static final double SAME_SCHEDULE = 1e-4;

  private final CheckpointOptions options;
  private final Checkpoint checkpoint;
  private final Tensors file;
  private final Map<String, String> texts;
  private final Set<String> taken = new HashSet<>();

  /** The configurations that were read. */
  private final Map<Part, ObjectNode> configs = new EnumMap<>(Part.class);

  private SingleFileReader(CheckpointOptions options, Checkpoint checkpoint, Tensors file) {
    this.options = options;
    this.checkpoint = checkpoint;
    this.file = file;
    this.texts =
        switch (file) {
          case SafetensorsFile tensors -> tensors.metadata();
          case TorchFile tensors -> tensors.texts();
          default -> Map.of();
        };
  }

  static Checkpoint open(Path path, CheckpointOptions options) throws IOException {
    Checkpoint checkpoint = new Checkpoint(path, Checkpoint.Layout.SINGLE_FILE);
    try {
      Tensors file = checkpoint.own(TensorFiles.open(path));
      new SingleFileReader(options, checkpoint, file).read();
      return checkpoint;
    } catch (Throwable failure) {
      checkpoint.close();
      throw failure;
    }
  }

  private boolean begins(String prefix) {
    return file.names().stream().anyMatch(name -> name.startsWith(prefix));
  }

  private boolean has(String name) {
    return file.find(name).isPresent();
  }

  private void read() throws IOException {
    if (file.names().isEmpty()) {
      throw new DataException(file.origin(), "holds no tensors");
    }
    if (begins(SingleFileNames.TWO_TEXTS)) {
      throw new DataException(
          file.origin(),
          "has tensors under "
              + SingleFileNames.TWO_TEXTS
              + ": it is an SDXL model, which this"
              + " engine does not run; expected Stable Diffusion 1 or 2");
    }
    if (begins(SingleFileNames.UNET)) {
      whole();
    } else if (begins(SingleFileNames.FIRST_STAGE)) {
      firstStage(SingleFileNames.FIRST_STAGE);
    } else if (has("input_blocks.0.0.weight")) {
      unet("", 0);
    } else if (has("encoder.down.0.block.0.norm1.weight")) {
      firstStage("");
    } else if (!diffusers()) {
      throw new DataException(
          file.origin(),
          "holds no network that is known by its names, which begin with "
              + ConfigKeys.first(file.names().stream().sorted().toList())
              + "; expected Stable Diffusion 1 or 2, a class-conditional latent diffusion model, or"
              + " one of their networks");
    }
    NetworkTensors.requireNoOthers(
        file.origin(), file.names(), taken, SingleFileNames::isMeaningless);
  }

  private void whole() throws IOException {
    int classRows = DerivedNetworks.classRows(file);
    unet(SingleFileNames.UNET, classRows);
    if (begins(SingleFileNames.FIRST_STAGE)) {
      firstStage(SingleFileNames.FIRST_STAGE);
    } else if (begins(SingleFileNames.RARE_FIRST_STAGE)) {
      firstStage(SingleFileNames.RARE_FIRST_STAGE);
    }
    if (begins(SingleFileNames.TEXT)) {
      text(SingleFileNames.TEXT, TextNames.transformers(), DerivedNetworks::text);
    } else if (begins(SingleFileNames.OPEN_CLIP)) {
      text(SingleFileNames.OPEN_CLIP, null, DerivedNetworks::openClip);
    }
    schedule(classRows > 0);
  }

  private interface Derivation<T extends NetworkDescription> {
    T derive(DerivedNetworks from) throws DataException;
  }

  /**
   * What a network is: what a folder beside the file says, what the file says, or what its tensors
   * look like.
   */
  private <T extends NetworkDescription> NetworkDescription describe(
      Part part, String prefix, Derivation<T> derivation) throws IOException {
    Optional<Path> folder =
        options.config() == null ? Optional.empty() : ConfigFiles.folder(options.config(), part);
    if (folder.isPresent()) {
      String origin = folder.get().resolve(ConfigFiles.CONFIG).toString();
      ObjectNode config = ConfigFiles.read(folder.get());
      configs.put(part, config);
      return ConfigFiles.describe(part, config, origin, checkpoint::note);
    }
    String text = texts.get(SingleFileTexts.key(part));
    if (text != null) {
      ObjectNode config = parse(SingleFileTexts.key(part), text);
      configs.put(part, config);
      return ConfigFiles.describe(part, config, file.origin(), checkpoint::note);
    }
    return derivation.derive(new DerivedNetworks(file, prefix));
  }

  private ObjectNode parse(String what, String text) throws DataException {
    try {
      return Json.parse(ObjectNode.class, what, text);
    } catch (IllegalArgumentException malformed) {
      throw new DataException(file.origin(), malformed.getMessage());
    }
  }

  private void add(NetworkDescription network, TensorNames names) throws IOException {
    NetworkTensors tensors = NetworkTensors.find(file, network, names);
    taken.addAll(tensors.taken());
    ObjectNode config = network.toJson();
    if (configs.containsKey(network.part())) {
      Component.BESIDE.forEach(
          key -> {
            JsonNode said = configs.get(network.part()).get(key);
            if (said != null) {
              config.set(key, said);
            }
          });
    }
    checkpoint.add(new Component(network, config, tensors));
  }

  /** Leaves out what has no meaning, going by a network's names. */
  private void passOver(String prefix, TensorNames names) {
    for (String name : file.names()) {
      if (name.startsWith(prefix) && names.ignores(name.substring(prefix.length()))) {
        taken.add(name);
      }
    }
  }

  private void unet(String prefix, int classRows) throws IOException {
    UNetDescription unet =
        (UNetDescription) describe(Part.UNET, prefix, from -> from.unet(classRows));
    unet = unet.withClasses(classRows);
    TensorNames names = unet.single();
    boolean average = !prefix.isEmpty() && SingleFileNames.hasAverage(file.names());
    if (average && options.average()) {
      checkpoint.note(file.origin() + ": the UNet is the moving average in the file");
      add(unet, SingleFileNames.withClassTable(SingleFileNames.average(names)));
      file.names().stream().filter(name -> name.startsWith(prefix)).forEach(taken::add);
    } else {
      if (average) {
        checkpoint.note(
            file.origin() + ": the UNet is the one of the last step, not the moving average");
      }
      add(unet, SingleFileNames.withClassTable(names.under(prefix)));
    }
  }

  private void firstStage(String prefix) throws IOException {
    NetworkDescription stage = describe(Part.AUTOENCODER, prefix, DerivedNetworks::autoencoder);
    add(stage, stage.single().under(prefix));
  }

  private <T extends NetworkDescription> void text(
      String prefix, TensorNames known, Derivation<T> derivation) throws IOException {
    TextDescription text = (TextDescription) describe(Part.TEXT_ENCODER, prefix, derivation);
    TensorNames names = known == null ? TextNames.openClip(text.layers()) : known;
    add(text, names.under(prefix));
    passOver(prefix, names);
  }

  /**
   * One network under the names of diffusers, without a folder: its configuration must be given.
   */
  private boolean diffusers() throws IOException {
    Part part =
        has("conv_in.weight") && has("time_embedding.linear_1.weight")
            ? Part.UNET
            : has("encoder.down_blocks.0.resnets.0.norm1.weight")
                ? Part.AUTOENCODER
                : has("text_model.final_layer_norm.weight") ? Part.TEXT_ENCODER : null;
    if (part == null) {
      return false;
    }
    NetworkDescription network =
        describe(
            part,
            "",
            _ -> {
              throw new DataException(
                  file.origin(),
                  "is "
                      + part.noun()
                      + " under diffusers' names without its config.json: give the folder that both"
                      + " are in, or name one with --config FOLDER");
            });
    add(network, network.diffusers());
    passOver("", network.diffusers());
    return true;
  }

  private void schedule(boolean classes) throws IOException {
    SchedulerConfig scheduler = said().orElse(null);
    if (scheduler == null) {
      String prediction = prediction(classes);
      if (prediction == null) {
        checkpoint.note(
            file.origin()
                + ": does not say whether its UNet predicts eps or v (--prediction says it)");
        return;
      }
      scheduler =
          classes
              ? SchedulerConfig.latentDiffusion()
              : SchedulerConfig.stableDiffusion(prediction, has(SingleFileNames.ZERO_TERMINAL));
    } else if (options.prediction() != null) {
      scheduler = scheduler.withPrediction(options.prediction());
    }
    compare(scheduler);
    checkpoint.setScheduler(scheduler);
  }

  private Optional<SchedulerConfig> said() throws IOException {
    if (options.config() != null) {
      Optional<SchedulerConfig> beside = ConfigFiles.scheduler(options.config(), checkpoint::note);
      if (beside.isPresent()) {
        return beside;
      }
    }
    String text = texts.get(SingleFileTexts.SCHEDULER);
    if (text == null) {
      return Optional.empty();
    }
    ObjectNode json = parse(SingleFileTexts.SCHEDULER, text);
    return Optional.of(
        SchedulerConfig.of(json, new ConfigKeys(json, file.origin(), checkpoint::note)));
  }

  /** Null when neither the file nor what lies beside it says it. */
  private String prediction(boolean classes) throws IOException {
    if (options.prediction() != null) {
      return options.prediction();
    }
    if (has(SingleFileNames.VELOCITY) || isVelocity()) {
      return SchedulerConfig.VELOCITY;
    }
    // Networks of the first generation predict the noise; those of the second do either.
    return classes || begins(SingleFileNames.TEXT) ? SchedulerConfig.EPSILON : null;
  }

  private boolean isVelocity() throws IOException {
    String name = checkpoint.path().getFileName().toString().replaceFirst("\\.[^.]*$", "");
    Path settings = checkpoint.path().resolveSibling(name + ".yaml");
    return Files.isRegularFile(settings)
        && VELOCITY_SETTING.matcher(TextFile.read(settings)).find();
  }

  /**
   * The file's own schedule is not used; that it is the one of the configuration is worth knowing.
   */
  private void compare(SchedulerConfig scheduler) {
    TensorView kept = file.find(SingleFileNames.ALPHAS).orElse(null);
    if (kept == null
        || !kept.dtype().isFloating()
        || kept.elements() != scheduler.trainSteps()
        || !scheduler.isScaledLinear()) {
      return;
    }
    DiscreteSchedule schedule = DiscreteSchedule.of(scheduler.plainBetas());
    double[] values = kept.doubles();
    for (int i = 0; i < values.length; i++) {
      double expected = schedule.alphaBar(i);
      if (!(Math.abs(values[i] - expected) <= SAME_SCHEDULE * expected)) {
        checkpoint.note(
            file.origin()
                + ": its "
                + SingleFileNames.ALPHAS
                + " is "
                + values[i]
                + " at "
                + i
                + ", the schedule that is taken has "
                + expected);
        return;
      }
    }
  }
}
