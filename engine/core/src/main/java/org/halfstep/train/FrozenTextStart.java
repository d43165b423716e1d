package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.Device;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Weights;
import org.halfstep.latent.ContextCache;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.text.TokenTable;
import org.halfstep.text.Tokenizer;

/**
 * The beginning of a teacher with a text encoder that was trained before and does not change, such
 * as MiniLM: the contexts that it made of the captions, a noise schedule, a UNet, and its first
 * weights.
 */
public final class FrozenTextStart implements TeacherStart {
  private final Encoder encoder;
  private final ContextCache contexts;
  private final TokenTable captions;
  private final SchedulerConfig scheduler;
  private final LatentUNetConfig config;

  /** Null where the weights are new. */
  private final Component weights;

  /**
   * A text encoder with its tokenizer.
   *
   * @param component the encoder, of contexts as long as its positions; its files stay open until
   *     the finished model is written
   * @param tokenizer of the same model
   * @param files folder of the tokenizer
   */
  public record Encoder(Component component, Tokenizer tokenizer, Path files) {}

  private FrozenTextStart(
      Encoder encoder,
      ContextCache contexts,
      TokenTable captions,
      SchedulerConfig scheduler,
      LatentUNetConfig config,
      Component weights) {
    this.encoder = encoder;
    this.contexts = contexts;
    this.captions = captions;
    this.scheduler = scheduler;
    this.config = config;
    this.weights = weights;
  }

  /**
   * New weights, and the noise schedule of {@link CaptionedTeacherStart#fresh}.
   *
   * @param contexts of the captions by that encoder, and of others behind them; stay the caller's
   * @param texts the captions by their numbers
   * @param latent what the autoencoder makes of a picture
   * @throws IllegalArgumentException in one line, when the settings describe no network
   */
  public static FrozenTextStart fresh(
      CaptionedTeacherSettings settings,
      Encoder encoder,
      ContextCache contexts,
      List<String> texts,
      Shape latent) {
    return new FrozenTextStart(
        encoder,
        contexts,
        TokenTable.of(encoder.tokenizer(), texts, contexts.tokens()),
        SchedulerConfig.stableDiffusion(SchedulerConfig.VELOCITY, true).distilled(),
        settings.unet(latent, contexts.tokens(), contexts.width()),
        null);
  }

  /**
   * The weights of another model with the same text encoder, its network and noise schedule.
   *
   * @param from stays the caller's, and open until the training has begun
   * @throws IOException in one line, when it lacks a part, or predicts something else than v
   */
  public static FrozenTextStart from(
      Checkpoint from, Encoder encoder, ContextCache contexts, List<String> texts, Shape latent)
      throws IOException {
    Component unet = CaptionedTeacherStart.part(from, Part.UNET);
    SchedulerConfig scheduler =
        from.scheduler().orElseThrow(() -> CaptionedTeacherStart.lacks(from, "noise schedule"));
    UNetDescription network = CaptionedTeacherStart.requireTeacher(from, scheduler, unet, latent);
    return new FrozenTextStart(
        encoder,
        contexts,
        TokenTable.of(encoder.tokenizer(), texts, contexts.tokens()),
        scheduler,
        new LatentUNetConfig(network, latent.height(), latent.width(), contexts.tokens()),
        unet);
  }

  @Override
  public Graph graph() {
    return config.graph();
  }

  @Override
  public long parameters() {
    return config.network().parameters();
  }

  @Override
  public long textParameters() {
    return encoder.component().network().parameters();
  }

  @Override
  public boolean trainsText() {
    return false;
  }

  @Override
  public int vocabulary() {
    return encoder.tokenizer().size();
  }

  @Override
  public int tokens() {
    return contexts.tokens();
  }

  @Override
  public int cut() {
    return captions.cut();
  }

  @Override
  public String digest() {
    return weights == null ? null : weights.sha256();
  }

  @Override
  public String origin() {
    String begun = digest();
    return ", told by " + contexts.sha256() + (begun == null ? "" : ", from " + begun);
  }

  @Override
  public SchedulerConfig scheduler() {
    return scheduler;
  }

  @Override
  public ConditionedNetwork open(Device device, ModelCard card, long seed) throws IOException {
    Network<LatentUNetConfig, ModelCard> network =
        weights == null
            ? Network.fresh(device, config, card, seed)
            : Network.load(device, config, card, weights.tensors(), TensorNames.OWN);
    return new CachedConditioned(network, contexts);
  }

  @Override
  public List<Component> parts(Weights trained, ModelCard card) throws IOException {
    return List.of(
        Component.of(
            config.network(), config.height(), "the teacher that was trained", trained, card),
        encoder.component());
  }

  @Override
  public Path tokenizerFiles(Path free) {
    return encoder.files();
  }
}
