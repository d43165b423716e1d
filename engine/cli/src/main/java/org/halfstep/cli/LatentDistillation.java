package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StoppableRun;
import org.halfstep.cli.console.Watch;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.distill.DistillationMemory;
import org.halfstep.distill.DistillationRun;
import org.halfstep.distill.DistillationSettings;
import org.halfstep.distill.LatentDistillationSettings;
import org.halfstep.distill.LatentModels;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;
import org.halfstep.text.TokenTable;
import org.halfstep.train.Examples;
import org.halfstep.train.RenumberedExamples;
import org.halfstep.train.Resume;

/**
 * The distillation of a latent model, from what {@code halfstep distill} was told.
 *
 * @param settings with the section {@value #SECTION}
 * @param checkpoint the teacher; stays the caller's
 * @param data pictures with captions, or in a folder per class
 * @param imageSize side of the pictures; null for the teacher's usual one
 * @param latents file of the pictures' latents; null for the one in the run's folder
 * @param memory bytes that packed weights of a teacher may take; 0 for the usual
 * @param from a model whose weights the student of its kind begins with; null for none
 * @param folder of the run
 */
record LatentDistillation(
    Device device,
    Settings settings,
    Checkpoint checkpoint,
    DataOption data,
    Integer imageSize,
    Path latents,
    PrecisionOption precision,
    long memory,
    Path from,
    Path folder,
    Resume resume,
    PrintWriter out) {
  static final String SECTION = "latentDistillation";

  private static final String STUDENTS = SECTION + ".students";
  private static final int CHANNELS = 3;
  private static final int USUAL_SIDE = 64;
  private static final int LARGEST_SIDE = 1024;

  /** The stream of a run's seed that masks are drawn from. */
  private static final long MASK_STREAM = 2000;

  /** The preset that a teacher is distilled with where none is named. */
  static String preset(Checkpoint checkpoint) throws IOException {
    Component unet = component(checkpoint, Part.UNET);
    return unet.card().isPresent() ? "pictures" : "stable-diffusion";
  }

  private static Component component(Checkpoint checkpoint, Part part) {
    return checkpoint
        .component(part)
        .orElseThrow(
            () ->
                new InputException(
                    checkpoint.path()
                        + ": has no "
                        + part.title()
                        + "; distillation starts from a whole latent model"));
  }

  private UNetDescription unet() {
    return (UNetDescription) component(checkpoint, Part.UNET).network();
  }

  private boolean isOfTexts() {
    return unet().classRows() == 0;
  }

  private boolean isInpainting() {
    return unet().inChannels() > unet().outChannels();
  }

  /** Pixels of a picture per pixel of a latent, in each direction. */
  private int factor() {
    AutoencoderDescription stage =
        (AutoencoderDescription) component(checkpoint, Part.AUTOENCODER).network();
    return 1 << (stage.channels().size() - 1);
  }

  private int side() {
    if (imageSize != null) {
      return Bounds.whole("--image-size", imageSize, factor(), LARGEST_SIDE * factor());
    }
    int usual = component(checkpoint, Part.UNET).config().path("sample_size").asInt(USUAL_SIDE);
    return factor() * Math.clamp(usual, 1, LARGEST_SIDE);
  }

  int run() throws IOException {
    boolean followsCaptions = isOfTexts() || data.hasCaptions();
    data.completeMirror(settings, STUDENTS + ".mirror", folder, followsCaptions, out);
    precision.complete(
        settings, device, STUDENTS + ".guided.precision", STUDENTS + ".halving.precision");
    if (!settings.isOpen(SECTION + ".velocity")) {
      precision.complete(settings, device, SECTION + ".velocity.run.precision");
    }
    LatentDistillationSettings run = settings.section(SECTION, LatentDistillationSettings.class);
    try (Owned owned = new Owned()) {
      ImageDataset images = owned.add(data.open(side(), CHANNELS));
      LatentExamples latent = latentExamples(run, owned);
      CaptionedPictures pictures = isOfTexts() ? pictures() : null;
      Path file = latents == null ? folder.resolve("latents.safetensors") : latents;
      Examples examples = latent.training(images, pictures, file);
      boolean measures = learnsVelocity(run);
      CaptionedPictures others =
          measures && isOfTexts() ? LatentExamples.heldOutCaptions(data).orElse(null) : null;
      Examples held = measures ? heldOut(latent, images, examples, others) : null;
      TokenTable captions = null;
      Network<ClipTextConfig, ComponentCard> encoder = null;
      if (isOfTexts()) {
        captions = captions(pictures, others);
        encoder = owned.add(encoder());
      }
      LatentModels models =
          new LatentModels(
              device,
              checkpoint,
              memory,
              folder,
              encoder,
              captions,
              examples.shape(),
              run.students().guidanceEmbedDim());
      describe(models, encoder, captions, images, examples, run);
      RunFolder.claim(folder, config(models, images, run));
      return StoppableRun.run(
          out,
          folder,
          updates(run),
          new Watch(held, null),
          (listener, stop) ->
              DistillationRun.run(
                  models, examples, held, run, from, folder, resume, listener, stop));
    }
  }

  private static long updates(LatentDistillationSettings run) {
    return (run.velocity() == null ? 0 : run.velocity().run().updates())
        + run.students().totalUpdates();
  }

  // ---- What is learned from

  private LatentExamples latentExamples(LatentDistillationSettings run, Owned owned) {
    return new LatentExamples(
        device,
        component(checkpoint, Part.AUTOENCODER),
        side(),
        run.students().mirror(),
        isInpainting() ? run.masks() : 0,
        factor(),
        Philox.childSeed(run.students().seed(), MASK_STREAM),
        folder,
        owned,
        out);
  }

  /** Whether the phase from eps to v runs, which is measured on held-out pictures. */
  private boolean learnsVelocity(LatentDistillationSettings run) throws IOException {
    return run.velocity() != null && scheduler().parameterization() != Parameterization.V;
  }

  /**
   * @param others captions of held-out pictures; null for none
   * @return null where nothing is held out
   */
  private Examples heldOut(
      LatentExamples latent, ImageDataset images, Examples training, CaptionedPictures others)
      throws IOException {
    if (!isOfTexts()) {
      return latent.heldOutClasses(data, images).orElse(null);
    }
    return others == null
        ? null
        : new RenumberedExamples(latent.heldOut(data, others), training.conditions());
  }

  private SchedulerConfig scheduler() throws IOException {
    return checkpoint
        .scheduler()
        .orElseThrow(
            () -> new InputException(checkpoint.path() + ": does not say its noise schedule"));
  }

  private CaptionedPictures pictures() throws IOException {
    return data.requireCaptioned();
  }

  /**
   * @param held those of held-out pictures, which stand behind the others; or null
   */
  private TokenTable captions(CaptionedPictures pictures, CaptionedPictures held)
      throws IOException {
    TextDescription text = text();
    List<String> all = new ArrayList<>(pictures.texts().all());
    if (held != null) {
      all.addAll(held.texts().all());
    }
    return TokenTable.of(
        checkpoint
            .openTokenizer()
            .orElseThrow(
                () ->
                    new InputException(
                        checkpoint.path()
                            + ": has no tokenizer, as single files do: convert it to a folder"
                            + " (halfstep convert --tokenizer)")),
        all,
        text.positions());
  }

  private TextDescription text() {
    if (component(checkpoint, Part.TEXT_ENCODER).network() instanceof TextDescription text) {
      return text;
    }
    throw new InputException(
        checkpoint.path()
            + ": has a text encoder of BERT's kind, with which models are trained and sampled;"
            + " distillation takes those with CLIP's");
  }

  private Network<ClipTextConfig, ComponentCard> encoder() throws IOException {
    Component text = component(checkpoint, Part.TEXT_ENCODER);
    ClipTextConfig config = ClipTextConfig.context(text());
    return Network.open(
        device,
        config,
        new ComponentCard("text encoder", Map.of("file", text.tensors().origin())),
        text.tensors(),
        config.names(),
        Network.DEFAULT_MEMORY);
  }

  // ---- What people are told

  private ObjectNode config(
      LatentModels models, ImageDataset images, LatentDistillationSettings run) throws IOException {
    ObjectNode config = Settings.JSON.createObjectNode();
    config.put("halfstep", Halfstep.VERSION);
    config.put("command", "distill");
    config
        .putObject("from")
        .put("file", checkpoint.path().toString())
        .put("sha256", component(checkpoint, Part.UNET).sha256());
    if (from != null) {
      config.putObject("begun").put("file", from.toString()).put("sha256", models.sha256(from));
    }
    config.set("data", data.describe(images));
    config.set(SECTION, Settings.JSON.valueToTree(run));
    return config;
  }

  private void describe(
      LatentModels models,
      Network<ClipTextConfig, ComponentCard> encoder,
      TokenTable captions,
      ImageDataset images,
      Examples examples,
      LatentDistillationSettings run)
      throws IOException {
    DistillationSettings students = run.students();
    out.println("on " + device.name());
    out.println(
        "data: "
            + Sizes.count(images.count(), "picture")
            + " as latents of "
            + examples.shape()
            + ", "
            + Sizes.count(
                examples.conditions(),
                isOfTexts() ? "caption" : "class",
                isOfTexts() ? "captions" : "classes"));
    if (captions != null && captions.cut() > 0) {
      out.println(
          "  "
              + Sizes.count(captions.cut(), "caption")
              + " longer than "
              + captions.length()
              + " tokens: their ends are left out");
    }
    data.note(images, out);
    out.println(DistillCommand.stages(students));
    LatentUNetConfig config =
        new LatentUNetConfig(
            unet().guidanceWidth() > 0 ? unet() : unet().withGuidance(students.guidanceEmbedDim()),
            examples.shape().height(),
            examples.shape().width(),
            captions == null ? 1 : captions.length());
    try (var teacher = models.openTeacher().network()) {
      DistillationMemory memoryUse =
          DistillationMemory.ofStageOne(
              device, teacher, config.graph(), encoder, students.guided(), run.recompute());
      out.println(
          "memory for a batch of "
              + students.guided().batch()
              + ": "
              + Sizes.bytes(memoryUse.bytes()));
      memoryUse
          .uses()
          .forEach(use -> out.println("  " + use.what() + ": " + Sizes.bytes(use.bytes())));
      out.flush();
      Bounds.memory(
          device, memoryUse.bytes(), "distilling with a batch of " + students.guided().batch());
    }
  }
}
