package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StoppableRun;
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
import org.halfstep.latent.LatentCache;
import org.halfstep.train.CaptionedLatents;
import org.halfstep.train.CaptionedTeacherRun;
import org.halfstep.train.CaptionedTeacherSettings;
import org.halfstep.train.CaptionedTeacherStart;
import org.halfstep.train.Resume;
import org.halfstep.train.RunSettings;

/**
 * The training of a teacher on captions and latents, from what {@code halfstep train} was told.
 *
 * @param settings with the section {@value #SECTION}
 * @param data pictures with captions
 * @param latents which autoencoder, and where its latents are
 * @param from a model whose weights are begun with; null for new ones
 * @param folder of the run
 */
record CaptionedTraining(
    Device device,
    Settings settings,
    DataOption data,
    LatentsOption latents,
    PrecisionOption precision,
    Path from,
    Path folder,
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
      CaptionedTeacherStart start =
          known == null
              ? CaptionedTeacherStart.fresh(teacher, captions, examples.shape())
              : CaptionedTeacherStart.from(known, captions, examples.shape());
      describe(images, examples, start, teacher);
      RunFolder.claim(folder, config(images, examples, autoencoder, start, teacher));
      return StoppableRun.run(
          out,
          folder,
          teacher.run().updates(),
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
      CaptionedTeacherStart start,
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
    if (from != null) {
      config.putObject("from").put("file", from.toString()).put("sha256", start.digest());
    }
    config.set(SECTION, Settings.JSON.valueToTree(teacher));
    return config;
  }

  private void describe(
      ImageDataset images,
      CaptionedLatents examples,
      CaptionedTeacherStart start,
      CaptionedTeacherSettings teacher) {
    RunSettings run = teacher.run();
    Graph graph = start.config().graph();
    PlanOptions options =
        PlanOptions.training(run.batch(), teacher.seed()).withType(run.precision());
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
            + Sizes.whole(start.tokenizer().size()));
    if (start.captions().cut() > 0) {
      out.println(
          "  "
              + Sizes.count(start.captions().cut(), "caption")
              + " longer than "
              + start.captions().length()
              + " tokens: their ends are left out");
    }
    out.println(
        "network: "
            + Sizes.whole(start.config().unet().network().parameters())
            + " parameters, text encoder "
            + Sizes.whole(start.config().text().parameters())
            + "; weights, gradients and optimizer "
            + Sizes.bytes(weights));
    out.println("plan: " + Sizes.bytes(plan) + " for a batch of " + run.batch());
    data.note(images, out);
    Bounds.memory(device, weights + plan, "training with a batch of " + run.batch());
  }
}
