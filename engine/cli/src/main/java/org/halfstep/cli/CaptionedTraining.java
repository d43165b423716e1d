package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.halfstep.checkpoint.BertCheckpoint;
import org.halfstep.checkpoint.BertDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StoppableRun;
import org.halfstep.cli.console.Watch;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.LatentsOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.latent.ContextCache;
import org.halfstep.latent.LatentCache;
import org.halfstep.train.CaptionedLatents;
import org.halfstep.train.CaptionedTeacherRun;
import org.halfstep.train.CaptionedTeacherSettings;
import org.halfstep.train.CaptionedTeacherStart;
import org.halfstep.train.Examples;
import org.halfstep.train.FrozenTextStart;
import org.halfstep.train.RenumberedExamples;
import org.halfstep.train.Resume;
import org.halfstep.train.RunSettings;
import org.halfstep.train.TeacherStart;

/**
 * The training of a teacher on captions and latents, from what {@code halfstep train} was told.
 *
 * @param settings with the section {@value #SECTION}
 * @param data pictures with captions
 * @param latents which autoencoder, and where its latents are
 * @param text folder of a text encoder that is not trained; null for one that is
 * @param from a model whose weights are begun with; null for new ones
 * @param folder of the run
 * @param heldOut pictures whose loss is measured at checkpoints; 0 for none
 */
record CaptionedTraining(
    Device device,
    Settings settings,
    DataOption data,
    LatentsOption latents,
    PrecisionOption precision,
    Path text,
    Path from,
    Path folder,
    int heldOut,
    Resume resume,
    PrintWriter out) {
  static final String SECTION = "latentTeacher";

  /** Channels of the pictures that autoencoders take. */
  private static final int CHANNELS = 3;

  int run() throws IOException {
    completeWarmUp();
    precision.complete(settings, device, SECTION + ".run.precision");
    data.completeMirror(settings, SECTION + ".mirror", folder, true, out);
    CaptionedTeacherSettings teacher = settings.section(SECTION, CaptionedTeacherSettings.class);
    CaptionedPictures pictures = data.requireCaptioned();
    try (Owned owned = new Owned()) {
      ImageDataset images = owned.add(data.open(pictures, teacher.imageSize(), CHANNELS));
      Component autoencoder = LatentsOption.autoencoder(owned.add(latents.openAutoencoder()));
      LatentCache cache = owned.add(latents.openLatents(device, autoencoder, images, folder, out));
      CaptionedLatents examples = new CaptionedLatents(pictures, cache, teacher.mirror());
      List<String> captions = pictures.texts().all();
      Checkpoint known =
          from == null ? null : owned.add(Checkpoint.open(from, CheckpointOptions.standard()));
      CaptionedPictures others = heldOut == 0 ? null : heldOutPictures();
      Examples held =
          others == null ? null : heldOut(others, teacher, autoencoder, examples, owned);
      TeacherStart start = start(teacher, captions, others, examples.shape(), known, owned);
      describe(images, examples, start, teacher);
      RunFolder.claim(folder, config(images, examples, autoencoder, start, teacher));
      return StoppableRun.run(
          out,
          folder,
          teacher.run().updates(),
          new Watch(held, null),
          (listener, stop) ->
              CaptionedTeacherRun.run(
                  device,
                  examples,
                  data.name(),
                  start,
                  teacher,
                  autoencoder,
                  folder,
                  resume,
                  listener,
                  stop));
    }
  }

  private CaptionedPictures heldOutPictures() throws IOException {
    if (text != null) {
      throw new InputException("--held-out: is for text encoders that are trained; leave it away");
    }
    return data.heldOutCaptioned(heldOut)
        .orElseThrow(
            () ->
                new InputException(
                    data.folder() + ": learns from all pictures; leave --held-out away"));
  }

  /** Their captions have the numbers behind those that are learned from. */
  private Examples heldOut(
      CaptionedPictures others,
      CaptionedTeacherSettings teacher,
      Component autoencoder,
      Examples examples,
      Owned owned)
      throws IOException {
    ImageDataset images = owned.add(data.open(others, teacher.imageSize(), CHANNELS));
    Path file = folder.resolve("held-out-latents.safetensors");
    LatentCache cache = owned.add(LatentsOption.open(device, autoencoder, images, file, out));
    return new RenumberedExamples(
        new CaptionedLatents(others, cache, false), examples.conditions());
  }

  /**
   * @param others pictures that are held out; null for none
   */
  private TeacherStart start(
      CaptionedTeacherSettings teacher,
      List<String> captions,
      CaptionedPictures others,
      Shape latent,
      Checkpoint known,
      Owned owned)
      throws IOException {
    Optional<FrozenTextStart.Encoder> frozen = frozen(teacher.tokens(), known, owned);
    if (frozen.isEmpty()) {
      List<String> held = others == null ? List.of() : others.texts().all();
      return known == null
          ? CaptionedTeacherStart.fresh(teacher, captions, held, latent)
          : CaptionedTeacherStart.from(known, captions, held, latent);
    }
    if (others != null) {
      throw new InputException(
          from + ": has a text encoder that is not trained; leave --held-out away");
    }
    FrozenTextStart.Encoder encoder = frozen.get();
    Files.createDirectories(folder);
    try (ImageProgress progress =
        new ImageProgress(out, "encoding captions", captions.size(), "texts")) {
      ContextCache contexts =
          owned.add(
              ContextCache.openOrMake(
                  folder.resolve("contexts.safetensors"),
                  device,
                  encoder.component(),
                  encoder.tokenizer(),
                  captions,
                  progress::show));
      return known == null
          ? FrozenTextStart.fresh(teacher, encoder, contexts, captions, latent)
          : FrozenTextStart.from(known, encoder, contexts, captions, latent);
    }
  }

  /**
   * The text encoder that is not trained: the one that was named, or that of the model that is
   * begun with.
   */
  private Optional<FrozenTextStart.Encoder> frozen(int tokens, Checkpoint known, Owned owned)
      throws IOException {
    Component before = known == null ? null : known.component(Part.TEXT_ENCODER).orElse(null);
    boolean isFrozen = before != null && before.network() instanceof BertDescription;
    if (text == null) {
      return isFrozen
          ? Optional.of(
              new FrozenTextStart.Encoder(
                  before,
                  known.openTokenizer().orElseThrow(() -> lacksTokenizer(known)),
                  known.tokenizer().orElseThrow()))
          : Optional.empty();
    }
    BertCheckpoint named = owned.add(BertCheckpoint.open(text));
    int length = isFrozen ? ((BertDescription) before.network()).positions() : tokens;
    Component component = named.component(length);
    if (known != null && (before == null || !before.sha256().equals(component.sha256()))) {
      throw new InputException(
          from + ": has another text encoder than --text names; leave --text out");
    }
    return Optional.of(new FrozenTextStart.Encoder(component, named.tokenizer(), text));
  }

  private static InputException lacksTokenizer(Checkpoint known) {
    return new InputException(known.path() + ": has no tokenizer: expected a whole model's folder");
  }

  private void completeWarmUp() {
    String path = SECTION + ".run.warmUp";
    if (from != null && !settings.isGiven(path)) {
      settings.set(path, RunSettings.SHORT_WARM_UP);
    }
  }

  private ObjectNode config(
      ImageDataset images,
      CaptionedLatents examples,
      Component autoencoder,
      TeacherStart start,
      CaptionedTeacherSettings teacher) {
    ObjectNode config = Settings.JSON.createObjectNode();
    config.put("halfstep", Halfstep.VERSION);
    config.put("command", "train");
    ObjectNode described = config.putObject("data");
    described
        .put("folder", data.folder().toString())
        .put("pictures", examples.count())
        .put("captions", examples.conditions())
        .put("size", images.height() + "x" + images.width() + "x" + images.channels())
        .put("sha256", examples.sha256());
    data.describeTemplates(described);
    config
        .putObject("autoencoder")
        .put("folder", latents.autoencoder().toString())
        .put("sha256", autoencoder.sha256());
    if (text != null) {
      config.putObject("text").put("folder", text.toString());
    }
    if (from != null) {
      config.putObject("from").put("file", from.toString()).put("sha256", start.digest());
    }
    config.set(SECTION, Settings.JSON.valueToTree(teacher));
    return config;
  }

  private void describe(
      ImageDataset images,
      CaptionedLatents examples,
      TeacherStart start,
      CaptionedTeacherSettings teacher) {
    RunSettings run = teacher.run();
    Graph graph = start.graph();
    PlanOptions options =
        PlanOptions.training(run.rows(), teacher.seed()).withType(run.precision());
    long plan = Plan.requiredBytes(device, graph, options);
    long weights = run.optimizer().bytes(graph.parameterFloats());
    out.println("on " + device.name());
    out.println(
        "data: "
            + Sizes.count(images.count(), "picture")
            + " as latents of "
            + examples.shape()
            + ", "
            + Sizes.count(examples.conditions(), "caption")
            + " in a vocabulary of "
            + Sizes.whole(start.vocabulary()));
    if (start.cut() > 0) {
      out.println(
          "  "
              + Sizes.count(start.cut(), "caption")
              + " longer than "
              + start.tokens()
              + " tokens: their ends are left out");
    }
    out.println(
        "network: "
            + Sizes.whole(start.parameters())
            + " parameters, text encoder "
            + Sizes.whole(start.textParameters())
            + (start.trainsText() ? "" : ", which are not trained")
            + "; weights, gradients and optimizer "
            + Sizes.bytes(weights));
    out.println("plan: " + Sizes.bytes(plan) + " for " + Sizes.batch(run.batch(), run.rows()));
    data.note(images, out);
    Bounds.memory(device, weights + plan, "training with a batch of " + run.batch());
  }
}
