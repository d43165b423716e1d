package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Weights;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TextUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.safetensors.JoinedTensors;
import org.halfstep.safetensors.Tensors;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.TokenTable;
import org.halfstep.text.Tokenizer;

/**
 * The beginning of a teacher whose text encoder is trained with it: a tokenizer, the captions as
 * its tokens, a noise schedule, one network of both, and its first weights.
 */
public final class CaptionedTeacherStart implements TeacherStart {
  private final ClipTokenizer tokenizer;
  private final TokenTable captions;

  /** SHA-256 of the tokens of the captions that are learned from. */
  private final String told;

  private final SchedulerConfig scheduler;
  private final TextUNetConfig config;

  /** Null where the weights are new; else with their digest. */
  private final Tensors weights;

  private final String digest;

  private CaptionedTeacherStart(
      ClipTokenizer tokenizer,
      TokenTable captions,
      String told,
      SchedulerConfig scheduler,
      TextUNetConfig config,
      Tensors weights,
      String digest) {
    this.tokenizer = tokenizer;
    this.captions = captions;
    this.told = told;
    this.scheduler = scheduler;
    this.config = config;
    this.weights = weights;
    this.digest = digest;
  }

  /**
   * New weights, a tokenizer made of the captions, and Stable Diffusion's noise schedule rescaled
   * to a last level of noise alone, on which the network predicts v.
   *
   * @param texts the captions by their numbers
   * @param held those of held-out pictures, whose numbers come behind; the tokenizer is not made of
   *     them
   * @param latent what the autoencoder makes of a picture
   * @throws IllegalArgumentException in one line, when the settings describe no network
   */
  public static CaptionedTeacherStart fresh(
      CaptionedTeacherSettings settings, List<String> texts, List<String> held, Shape latent) {
    ClipTokenizer tokenizer = ClipTokenizer.trained(texts, settings.merges());
    TextUNetConfig config = settings.network(tokenizer.size(), latent);
    return new CaptionedTeacherStart(
        tokenizer,
        table(tokenizer, texts, held, config.text().positions()),
        TokenTable.of(tokenizer, texts, config.text().positions()).sha256(),
        SchedulerConfig.stableDiffusion(SchedulerConfig.VELOCITY, true).distilled(),
        config,
        null,
        null);
  }

  /**
   * The weights of another model, and its tokenizer, networks and noise schedule.
   *
   * @param from stays the caller's, and open until the training has begun
   * @param held captions of held-out pictures, whose numbers come behind the others
   * @throws IOException in one line, when it lacks a part, or predicts something else than v
   */
  public static CaptionedTeacherStart from(
      Checkpoint from, List<String> texts, List<String> held, Shape latent) throws IOException {
    Component unet = part(from, Part.UNET);
    Component encoder = part(from, Part.TEXT_ENCODER);
    SchedulerConfig scheduler = from.scheduler().orElseThrow(() -> lacks(from, "noise schedule"));
    Tokenizer tokenizer = from.openTokenizer().orElseThrow(() -> lacks(from, "tokenizer"));
    UNetDescription network = requireTeacher(from, scheduler, unet, latent);
    if (!(encoder.network() instanceof TextDescription text)
        || !(tokenizer instanceof ClipTokenizer words)) {
      throw new DataException(
          from.path(), "has a text encoder that was not trained with it: expected one of CLIP's");
    }
    LatentUNetConfig size =
        new LatentUNetConfig(network, latent.height(), latent.width(), text.positions());
    return new CaptionedTeacherStart(
        words,
        table(words, texts, held, text.positions()),
        TokenTable.of(words, texts, text.positions()).sha256(),
        scheduler,
        new TextUNetConfig(text, size),
        new JoinedTensors(List.of(unet.tensors(), encoder.tensors())),
        unet.sha256() + " and " + encoder.sha256());
  }

  /** The tokens of captions that are learned from, and of others behind them. */
  static TokenTable table(Tokenizer tokenizer, List<String> texts, List<String> held, int length) {
    List<String> all = new ArrayList<>(texts);
    all.addAll(held);
    return TokenTable.of(tokenizer, all, length);
  }

  /**
   * The network of a UNet that training may begin with.
   *
   * @throws DataException in one line, when it is of other latents, was distilled, or predicts
   *     something else than v
   */
  static UNetDescription requireTeacher(
      Checkpoint from, SchedulerConfig scheduler, Component unet, Shape latent)
      throws DataException {
    if (scheduler.parameterization() != Parameterization.V) {
      throw new DataException(
          from.path(),
          "predicts "
              + scheduler.parameterization()
              + ": expected a teacher that predicts v; distillation brings others to it");
    }
    UNetDescription network = (UNetDescription) unet.network();
    if (network.guidanceWidth() > 0) {
      throw new DataException(
          from.path(), "takes the guidance strength: expected a teacher, not what was distilled");
    }
    if (network.inChannels() != latent.channels() || network.outChannels() != latent.channels()) {
      throw new DataException(
          from.path(),
          "is of latents of "
              + network.outChannels()
              + " channels, the autoencoder's have "
              + latent.channels());
    }
    return network;
  }

  static Component part(Checkpoint from, Part part) throws DataException {
    return from.component(part).orElseThrow(() -> lacks(from, part.title()));
  }

  static DataException lacks(Checkpoint from, String what) {
    return new DataException(
        from.path(), "has no " + what + ": expected the folder of a whole latent model");
  }

  /** The tokenizer that captions and prompts go through. */
  public ClipTokenizer tokenizer() {
    return tokenizer;
  }

  /** The captions as its tokens. */
  public TokenTable captions() {
    return captions;
  }

  /** The network. */
  public TextUNetConfig config() {
    return config;
  }

  @Override
  public Graph graph() {
    return config.graph();
  }

  @Override
  public long parameters() {
    return config.unet().network().parameters();
  }

  @Override
  public long textParameters() {
    return config.text().parameters();
  }

  @Override
  public boolean trainsText() {
    return true;
  }

  @Override
  public int vocabulary() {
    return tokenizer.size();
  }

  @Override
  public int tokens() {
    return captions.length();
  }

  @Override
  public int cut() {
    return captions.cut();
  }

  @Override
  public SchedulerConfig scheduler() {
    return scheduler;
  }

  /** The network with its first weights; closed by the caller. */
  Network<TextUNetConfig, ModelCard> network(Device device, ModelCard card, long seed)
      throws IOException {
    return weights == null
        ? Network.fresh(device, config, card, seed)
        : Network.load(device, config, card, weights, TensorNames.OWN);
  }

  @Override
  public ConditionedNetwork open(Device device, ModelCard card, long seed) throws IOException {
    return new TextConditioned(network(device, card, seed), captions);
  }

  @Override
  public List<Component> parts(Weights trained, ModelCard card) throws IOException {
    String made = "the teacher that was trained";
    LatentUNetConfig unet = config.unet();
    return List.of(
        Component.of(unet.network(), unet.height(), made, trained, card),
        Component.of(config.text(), made, trained));
  }

  @Override
  public Path tokenizerFiles(Path free) throws IOException {
    tokenizer.write(free, config.text().positions());
    return free;
  }

  @Override
  public String digest() {
    return digest;
  }

  @Override
  public String origin() {
    return ", told as " + told + (digest == null ? "" : ", from " + digest);
  }
}
