package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.device.Device;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.files.DataException;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Weights;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;
import org.halfstep.text.TokenTable;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.ContextConditioned;
import org.halfstep.train.TableConditioned;

/**
 * Latent networks, each in a folder of diffusers with copies of the teacher's other parts, so that
 * it is used like any other model, here and elsewhere.
 */
public final class LatentModels implements DistilledModels {
  private final Device device;
  private final Checkpoint checkpoint;
  private final UNetDescription unet;
  private final SchedulerConfig scheduler;
  private final long memory;
  private final Path folder;
  private final Network<ClipTextConfig, ?> encoder;
  private final TokenTable captions;
  private final Shape latent;
  private final int guidanceWidth;

  /**
   * @param checkpoint the teacher, a whole latent model; stays the caller's
   * @param memory bytes that packed weights of a teacher may take, or {@link
   *     Network#DEFAULT_MEMORY}
   * @param folder of the run
   * @param encoder the teacher's text encoder, opened by the caller; null for a model of classes
   * @param captions of the data; null for a model of classes
   * @param latent extents of the data's latents
   * @param guidanceWidth numbers of the embedding of w; 256 is what stock pipelines take
   * @throws IOException in one line, when it is no model that can be distilled
   */
  public LatentModels(
      Device device,
      Checkpoint checkpoint,
      long memory,
      Path folder,
      Network<ClipTextConfig, ?> encoder,
      TokenTable captions,
      Shape latent,
      int guidanceWidth)
      throws IOException {
    this.device = device;
    this.checkpoint = checkpoint;
    this.memory = memory;
    this.folder = folder;
    this.encoder = encoder;
    this.captions = captions;
    this.latent = latent;
    this.guidanceWidth = guidanceWidth;
    this.unet = (UNetDescription) component(Part.UNET).network();
    component(Part.AUTOENCODER);
    this.scheduler =
        checkpoint
            .scheduler()
            .orElseThrow(
                () ->
                    new DataException(
                        checkpoint.path(),
                        "does not say its noise schedule: expected"
                            + " scheduler/scheduler_config.json"));
  }

  private Component component(Part part) throws DataException {
    return checkpoint
        .component(part)
        .orElseThrow(
            () ->
                new DataException(
                    checkpoint.path(),
                    "has no " + part.title() + ": expected a whole latent model"));
  }

  @Override
  public Path teacher() {
    return checkpoint.path();
  }

  @Override
  public String identity() throws IOException {
    return component(Part.UNET).sha256();
  }

  @Override
  public ConditionedNetwork openTeacher() throws IOException {
    Component component = component(Part.UNET);
    return open(component, card(component), component.tensors());
  }

  private ModelCard card(Component component) throws DataException {
    Optional<ModelCard> own = component.card();
    if (own.isEmpty() && unet.guidanceWidth() > 0) {
      throw new DataException(
          checkpoint.path(),
          "is a model that another program distilled already; distillation starts from a teacher");
    }
    return own.orElseGet(() -> ModelCard.teacher(null, List.of(), Map.of()))
        .withDiffusion(scheduler.betas(), scheduler.parameterization(), TimeGrid.UNIFORM);
  }

  private ConditionedNetwork open(Component component, ModelCard card, Tensors tensors)
      throws IOException {
    UNetDescription network = (UNetDescription) component.network();
    LatentUNetConfig config =
        new LatentUNetConfig(
            network, latent.height(), latent.width(), captions == null ? 1 : captions.length());
    return conditioned(Network.open(device, config, card, tensors, TensorNames.OWN, memory));
  }

  private ConditionedNetwork conditioned(Network<LatentUNetConfig, ModelCard> network) {
    return captions == null
        ? new TableConditioned(network)
        : new ContextConditioned(network, encoder, captions);
  }

  @SuppressWarnings("unchecked")
  private static Network<LatentUNetConfig, ModelCard> network(ConditionedNetwork model) {
    return (Network<LatentUNetConfig, ModelCard>) model.network();
  }

  @Override
  public ConditionedNetwork open(Path model) throws IOException {
    Checkpoint own = Checkpoint.open(model, CheckpointOptions.standard());
    try {
      Component component = unet(own);
      SchedulerConfig said =
          own.scheduler()
              .orElseThrow(
                  () -> new DataException(own.path(), "has no scheduler: expected a whole model"));
      ModelCard card =
          component
              .card()
              .orElseThrow(
                  () ->
                      new DataException(
                          own.path(),
                          "has no card of ours: expected a model that was trained or distilled"
                              + " here"))
              .withDiffusion(said.betas(), said.parameterization(), TimeGrid.UNIFORM);
      return open(component, card, new ClosingTensors(component.tensors(), own));
    } catch (IOException | RuntimeException failure) {
      own.close();
      throw failure;
    }
  }

  private static Component unet(Checkpoint checkpoint) throws DataException {
    return checkpoint
        .component(Part.UNET)
        .orElseThrow(
            () -> new DataException(checkpoint.path(), "has no UNet: expected a whole model"));
  }

  @Override
  public String sha256(Path model) throws IOException {
    try (Checkpoint own = Checkpoint.open(model, CheckpointOptions.standard())) {
      return unet(own).sha256();
    }
  }

  /** Tensors of a checkpoint that nobody else needs: it is closed with them. */
  private record ClosingTensors(Tensors tensors, Checkpoint checkpoint) implements Tensors {
    @Override
    public String origin() {
      return tensors.origin();
    }

    @Override
    public Set<String> names() {
      return tensors.names();
    }

    @Override
    public Optional<TensorView> find(String name) {
      return tensors.find(name);
    }

    @Override
    public void unload() {
      tensors.unload();
    }

    @Override
    public void close() {
      checkpoint.close();
    }
  }

  @Override
  public Path place(String name) {
    return folder.resolve(name).resolve("unet").resolve("diffusion_pytorch_model.safetensors");
  }

  @Override
  public Path shown(Path kept) {
    return kept.getParent().getParent();
  }

  @Override
  public LatentUNetConfig trained(ConditionedNetwork teacher, boolean guided) {
    LatentUNetConfig config = network(teacher).architecture();
    return guided && !config.isGuided() ? config.withGuidance(guidanceWidth) : config;
  }

  @Override
  public ConditionedNetwork student(ConditionedNetwork teacher, boolean guided, ModelCard card) {
    return conditioned(Network.like(device, trained(teacher, guided), card, teacher.network()));
  }

  @Override
  public void save(ConditionedNetwork model, ModelCard card, Weights weights, Path kept)
      throws IOException {
    List<Component> parts = new ArrayList<>();
    parts.add(
        Component.of(
            network(model).architecture().network(),
            latent.height(),
            "the weights of " + kept,
            weights,
            card));
    // In the order of their names: a folder has the same bytes however its parts were found.
    new TreeMap<>(checkpoint.components())
        .forEach(
            (part, component) -> {
              if (part != Part.UNET) {
                parts.add(component);
              }
            });
    SchedulerConfig distilled = scheduler.distilled();
    boolean endsInNoise = card.betas().zeroTerminal() && !scheduler.zeroTerminal();
    Path whole = shown(kept);
    try (Checkpoint written =
        Checkpoint.assemble(
            whole,
            parts,
            endsInNoise ? distilled.withZeroTerminal() : distilled,
            checkpoint.tokenizer().orElse(null))) {
      FolderWriter.replace(written, whole, WriteOptions.same());
    }
  }
}
