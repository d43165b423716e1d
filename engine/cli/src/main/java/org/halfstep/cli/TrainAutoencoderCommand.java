package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StoppableRun;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.cli.option.ResumeOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.cli.option.SettingsOptions;
import org.halfstep.cli.option.UpdateOptions;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.files.AtomicFile;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.train.AutoencoderFolder;
import org.halfstep.train.AutoencoderRun;
import org.halfstep.train.AutoencoderSettings;
import org.halfstep.train.AutoencoderShape;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Trains the first stage of latent models. */
@Command(
    name = "train-autoencoder",
    description = {
      "Train an autoencoder, which latent models draw pictures through: pictures to latents of a"
          + " quarter of the size and back.",
      "What comes out is a folder of diffusers, vae, with the scaling of its latents measured. The"
          + " same command continues a run that was stopped."
    },
    footer = {
      "  halfstep train-autoencoder --data data/pictures --out out/autoencoder",
      "  halfstep train-autoencoder --data data/pictures --out out/autoencoder --evaluate"
    })
final class TrainAutoencoderCommand implements Callable<Integer> {
  private static final String SECTION = "autoencoder";
  private static final String PRESET = "pictures";

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private DataOption data;
  @Mixin private SettingsOptions settingsOptions;
  @Mixin private UpdateOptions updateOptions;
  @Mixin private PrecisionOption precision;
  @Mixin private ResumeOption resume;

  @Option(
      names = "--image-size",
      paramLabel = "N",
      description = "Side of the pictures that it takes.")
  private Integer imageSize;

  @Option(
      names = "--from",
      paramLabel = "PATH",
      description =
          "Begin with the weights of this autoencoder, of the same shape: a folder of diffusers or"
              + " its vae. The optimizer's moments begin at zero.")
  private Path from;

  @Option(
      names = "--evaluate",
      description =
          "Train nothing: compare held-out pictures with what the autoencoder in --out, or its"
              + " newest checkpoint, makes of them.")
  private boolean evaluate;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/autoencoder",
      description =
          "Where checkpoints, config.json, vae and reconstructions.png go (default:"
              + " out/autoencoder).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    AtomicFile.requireWritableFolder(folder);
    Settings settings = settings();
    AutoencoderShape shape = settings.section(SECTION, AutoencoderSettings.class).network();
    try (Device device = halfstep.openDevice()) {
      AutoencoderEvaluation evaluation = new AutoencoderEvaluation(device, data, folder, out);
      if (evaluate) {
        evaluation.run();
        return 0;
      }
      CaptionedPictures pictures = data.captioned();
      try (ImageDataset images = data.open(shape.imageSize(), shape.inChannels());
          Owned files = new Owned()) {
        // What a mirrored picture looks like has to be learned as well, whatever is said of it.
        data.completeMirror(settings, SECTION + ".mirror", folder, false, out);
        precision.complete(settings, device, SECTION + ".precision");
        AutoencoderSettings run = settings.section(SECTION, AutoencoderSettings.class);
        Component first = from == null ? null : firstStage(files);
        RunFolder.claim(folder, config(images, run, first));
        describe(out, device, images, run);
        int code =
            StoppableRun.run(
                out,
                folder,
                run.updates(),
                (listener, stop) ->
                    AutoencoderRun.run(
                        device,
                        images,
                        pictures,
                        data.name(),
                        run,
                        first,
                        folder,
                        resume.resume(),
                        listener,
                        stop));
        if (code == 0) {
          evaluation.run();
        }
        return code;
      }
    }
  }

  private Settings settings() throws IOException {
    Settings settings = settingsOptions.read(PRESET);
    updateOptions.override(settings, SECTION, "");
    settings.override(SECTION, "network.image_size", imageSize);
    return settings;
  }

  private Component firstStage(Owned files) throws IOException {
    Checkpoint checkpoint = files.add(Checkpoint.open(from, CheckpointOptions.standard()));
    return checkpoint
        .component(Part.AUTOENCODER)
        .orElseThrow(
            () -> new InputException(from + ": has no first stage to begin with; expected a vae"));
  }

  private ObjectNode config(ImageDataset images, AutoencoderSettings run, Component first) {
    ObjectNode config = Settings.JSON.createObjectNode();
    config.put("halfstep", Halfstep.VERSION);
    config.put("command", "train-autoencoder");
    if (first != null) {
      config.putObject("from").put("file", from.toString()).put("sha256", first.sha256());
    }
    config.set("data", data.describe(images));
    config.set(SECTION, Settings.JSON.valueToTree(run));
    return config;
  }

  private void describe(
      PrintWriter out, Device device, ImageDataset images, AutoencoderSettings run) {
    Graph graph = run.network().network(run.divergence()).graph();
    PlanOptions options =
        PlanOptions.training(run.optimizer().rows(run.batch()), run.seed())
            .withType(run.precision());
    long plan = Plan.requiredBytes(device, graph, options);
    int side = run.network().latentSize();
    out.println("on " + device.name());
    out.println(
        "data: "
            + Sizes.count(images.count(), "picture")
            + "; autoencoder: "
            + Sizes.whole(graph.parameterCount())
            + " parameters, latents of "
            + side
            + "x"
            + side
            + "x"
            + run.network().latentChannels()
            + "; plan "
            + Sizes.bytes(plan)
            + " for "
            + Sizes.batch(run.batch(), run.optimizer().rows(run.batch())));
    long weights = run.optimizer().bytes(graph.parameterFloats());
    Bounds.memory(device, weights + plan, "training with a batch of " + run.batch());
    data.note(images, out);
    data.noteRepeats(images, run.batch() * run.updates(), Optional.empty(), out);
    out.println(
        "held-out pictures are compared when it ends, or with --evaluate while it trains; it writes "
            + folder.resolve(AutoencoderFolder.NAME));
    out.flush();
  }
}
