package org.halfstep.sample;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.LowRankUpdates;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.checkpoint.TextEncoderDescription;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.files.DataException;
import org.halfstep.graph.WeightUse;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TextEncoder;
import org.halfstep.latent.TextEncoderOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;
import org.halfstep.model.Quantization;
import org.halfstep.model.TensorNames;
import org.halfstep.text.Tokenizer;

/**
 * The files of a latent model, and its networks when they are asked for. A checkpoint's tensors
 * stay mapped; networks are opened and closed over them.
 */
final class LatentComponents implements AutoCloseable {
  private final Owned owned = new Owned();
  private final Device device;
  private final ModelOptions options;
  private final Checkpoint checkpoint;
  private final LatentSampling sampling;
  private final ModelCard card;
  private final List<LowRankUpdates> updates = new ArrayList<>();
  private final Tokenizer tokenizer;

  /**
   * Opens the files.
   *
   * @param device stays the caller's
   * @throws IOException in one line that names the file, when they are not a whole latent model
   */
  LatentComponents(Device device, Path path, ModelOptions options) throws IOException {
    this(device, Checkpoint.open(path, options.latent().checkpoint()), options);
  }

  /**
   * The same of files that are open.
   *
   * @param checkpoint closed with these, or at once where this fails
   */
  LatentComponents(Device device, Checkpoint checkpoint, ModelOptions options) throws IOException {
    this.device = device;
    this.options = options;
    this.checkpoint = owned.add(checkpoint);
    Path path = checkpoint.path();
    try {
      component(Part.UNET);
      component(Part.AUTOENCODER);
      SchedulerConfig scheduler =
          checkpoint
              .scheduler()
              .orElseThrow(
                  () ->
                      new DataException(
                          path,
                          "does not say its noise schedule: expected"
                              + " scheduler/scheduler_config.json"));
      this.sampling = new LatentSampling(scheduler);
      this.card = card(path);
      for (LatentOptions.Update update : options.latent().updates()) {
        updates.add(
            owned.add(LowRankUpdates.open(update.file(), checkpoint.components().values())));
      }
      this.tokenizer = isOfTexts() ? openTokenizer() : null;
    } catch (IOException | RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private Tokenizer openTokenizer() throws IOException {
    TextEncoderDescription text = (TextEncoderDescription) component(Part.TEXT_ENCODER).network();
    if (options.latent().tokenizer() != null) {
      return text.openTokenizer(options.latent().tokenizer());
    }
    return checkpoint
        .openTokenizer()
        .orElseThrow(
            () ->
                new DataException(
                    checkpoint.path(),
                    "has no tokenizer, as single files do: name one, a folder with CLIP's"
                        + " vocabulary and merges"));
  }

  private Component component(Part part) throws DataException {
    return checkpoint
        .component(part)
        .orElseThrow(
            () ->
                new DataException(
                    checkpoint.path(),
                    "has no "
                        + part.name().toLowerCase(Locale.ROOT).replace('_', ' ')
                        + ": expected a whole latent model"));
  }

  /**
   * The UNet's own card, or what its configuration says. Noise and times are the scheduler's, as
   * for every other program that reads these files.
   */
  private ModelCard card(Path path) throws DataException {
    Component component = component(Part.UNET);
    Optional<ModelCard> own = component.card();
    Map<String, String> provenance = new LinkedHashMap<>();
    if (own.isPresent()) {
      provenance.putAll(own.get().provenance());
    }
    provenance.put("file", path.toString());
    provenance.put("weights", component.tensors().origin());
    if (own.isPresent()) {
      return own.get()
          .withProvenance(provenance)
          .withDiffusion(
              sampling.config().betas(),
              sampling.config().parameterization(),
              sampling.grid(sampling.solver()));
    }
    boolean isGuided = unet().guidanceWidth() > 0;
    return new ModelCard(
        isGuided ? Role.GUIDED : Role.TEACHER,
        null,
        List.of(),
        null,
        null,
        isGuided ? 0.0 : null,
        isGuided ? SampleRequest.MOST_GUIDANCE : null,
        NoiseSchedule.MAX_LOG_SNR,
        sampling.config().betas(),
        sampling.config().parameterization(),
        null,
        sampling.grid(sampling.solver()),
        provenance);
  }

  // ---- What they are

  /** What was chosen and passed over while the files were opened. */
  List<String> notes() {
    List<String> notes = new ArrayList<>(checkpoint.notes());
    notes.addAll(sampling.notes());
    return notes;
  }

  Device device() {
    return device;
  }

  /** The files; closed with these. */
  Checkpoint checkpoint() {
    return checkpoint;
  }

  ModelCard card() {
    return card;
  }

  LatentSampling sampling() {
    return sampling;
  }

  UNetDescription unet() {
    return (UNetDescription) checkpoint.components().get(Part.UNET).network();
  }

  AutoencoderDescription autoencoder() {
    return (AutoencoderDescription) checkpoint.components().get(Part.AUTOENCODER).network();
  }

  /** Whether images are made of texts, and not of classes. */
  boolean isOfTexts() {
    return unet().classRows() == 0;
  }

  /** The file of the UNet's weights, or the index of several. */
  Path weights() {
    return Path.of(checkpoint.components().get(Part.UNET).tensors().origin());
  }

  /** How an int8 UNet was made. */
  Optional<Quantization> quantization() {
    return Optional.ofNullable(checkpoint.components().get(Part.UNET).quantization());
  }

  /** Numbers of all networks together. */
  long parameters() {
    return checkpoint.components().values().stream()
        .mapToLong(part -> part.network().parameters())
        .sum();
  }

  /** Pixels of an image per pixel of a latent, in each direction. */
  int factor() {
    return 1 << (autoencoder().channels().size() - 1);
  }

  /** Rows and columns of an image that the model was made for. */
  int usualSide() {
    return factor() * checkpoint.latentSide();
  }

  // ---- Networks

  /** A part with the updates of low rank in its tensors, which are closed with the network. */
  private Component updated(Part part) throws DataException {
    Component component = component(part);
    for (int i = 0; i < updates.size(); i++) {
      component = updates.get(i).merge(component, options.latent().updates().get(i).scale());
    }
    return component;
  }

  /**
   * How a part computes.
   *
   * @param own what was asked of it alone; null for what was asked of the model
   */
  private DataType precision(DataType own) {
    DataType wanted = own == null ? options.precision() : own;
    return wanted == null ? device.defaultPrecision() : wanted;
  }

  /** How the UNet computes. */
  DataType unetPrecision() {
    return precision(options.latent().unetPrecision());
  }

  /** The UNet for latents of a size. */
  LatentUNetConfig unetConfig(int height, int width) {
    return new LatentUNetConfig(unet(), height, width, checkpoint.tokens());
  }

  /** How weights are used that are opened for as many evaluations as somebody asks for. */
  WeightUse use() {
    return WeightUse.within(options.memory());
  }

  /** Opens the UNet for latents of a size; closed by the caller. */
  Network<LatentUNetConfig, ModelCard> openUNet(int height, int width, WeightUse use)
      throws IOException {
    Component unet = updated(Part.UNET);
    return Network.open(
        device,
        unetConfig(height, width),
        card,
        unet.quantization(),
        unet.tensors(),
        TensorNames.OWN,
        use);
  }

  /** Opens the text encoder; closed by the caller. */
  TextEncoder openTextEncoder(WeightUse use) throws IOException {
    LatentOptions latent = options.latent();
    return TextEncoder.open(
        device,
        updated(Part.TEXT_ENCODER),
        tokenizer,
        TextEncoderOptions.standard()
            .withSkipped(latent.skippedTextLayers())
            .withPrecision(precision(latent.textPrecision()))
            .withUse(use));
  }

  /** Opens the first stage; closed by the caller. */
  FirstStage openFirstStage(WeightUse use) throws IOException {
    return FirstStage.open(
        device,
        component(Part.AUTOENCODER),
        FirstStageOptions.standard()
            .withPrecision(precision(options.latent().firstStagePrecision()))
            .withUse(use)
            .withTiling(options.latent().tiling()));
  }

  @Override
  public void close() {
    owned.close();
  }
}
