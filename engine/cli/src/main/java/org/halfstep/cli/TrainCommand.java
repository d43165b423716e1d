package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StoppableRun;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.LatentsOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.cli.option.ResumeOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.cli.option.SettingsOptions;
import org.halfstep.cli.option.UpdateOptions;
import org.halfstep.cli.option.WatchOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.FileDigest;
import org.halfstep.graph.Graph;
import org.halfstep.graph.LeastMemory;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.train.RunSettings;
import org.halfstep.train.TeacherRun;
import org.halfstep.train.TeacherSettings;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Trains a teacher. */
@Command(
    name = "train",
    description = {
      "Train a teacher on labelled images, with the label left out at random, so that it can be guided.",
      "With --autoencoder: on captions and latents of pictures, a text encoder with it; what comes out is a"
          + " whole model as a folder of diffusers.",
      "The same command continues a run that was stopped."
    },
    footer = {
      "  halfstep train --data data/fashion-mnist --out out/teacher",
      "  halfstep train --data photos --image-size 32 --channels 3 \\",
      "    --updates 20000 --batch 32 --out out/photos",
      "  halfstep train --data data/pictures --autoencoder out/autoencoder --out out/teacher"
    })
final class TrainCommand implements Callable<Integer> {
  private static final String SECTION = "teacher";

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private DataOption data;
  @Mixin private SettingsOptions settingsOptions;
  @Mixin private UpdateOptions updateOptions;
  @Mixin private ResumeOption resume;
  @Mixin private PrecisionOption precision;
  @Mixin private LatentsOption latents;
  @Mixin private WatchOptions watch;

  @Option(
      names = "--from",
      paramLabel = "PATH",
      description =
          "Begin with the weights of this teacher: a file, or with --autoencoder a whole latent model's folder."
              + " The optimizer's moments begin at zero, and the rate rises over 100 updates.")
  private Path from;

  @Option(
      names = "--text",
      paramLabel = "FOLDER",
      description =
          "With --autoencoder: a text encoder of BERT's kind that is not trained, such as MiniLM, which make"
              + " data-minilm brings; what it makes of the captions is kept in contexts.safetensors in --out"
              + " (default: a small one, trained with the teacher).")
  private Path text;

  @Option(
      names = "--image-size",
      paramLabel = "N",
      description = "Side of the images that the network makes.")
  private Integer imageSize;

  @Option(
      names = "--channels",
      paramLabel = "N",
      description = "1 for greyscale images, 3 for RGB.")
  private Integer channels;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/teacher",
      description =
          "Where checkpoints, config.json and teacher.safetensors, or the folder teacher, go (default:"
              + " out/teacher).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    AtomicFile.requireWritableFolder(folder);
    return latents.isGiven() ? onLatents(out) : onPixels(out);
  }

  private int onLatents(PrintWriter out) throws IOException {
    if (channels != null) {
      throw new InputException("--channels: latents have those that their autoencoder gives them");
    }
    watch.requireNoSamples("latents");
    Settings settings = settingsOptions.read("pictures");
    updateOptions.override(settings, CaptionedTraining.SECTION, "run.");
    settings.override(CaptionedTraining.SECTION, "imageSize", imageSize);
    try (Device device = halfstep.openDevice()) {
      return new CaptionedTraining(
              device,
              settings,
              data,
              latents,
              precision,
              text,
              from,
              folder,
              watch.heldOut(),
              resume.resume(),
              out)
          .run();
    }
  }

  private int onPixels(PrintWriter out) throws IOException {
    latents.requireNone();
    if (text != null) {
      throw new InputException("--text: is for models of captions; name an --autoencoder");
    }
    Settings settings = settings();
    UNetConfig network = settings.section(SECTION, TeacherSettings.class).network();
    try (Device device = halfstep.openDevice();
        ImageDataset images = data.open(network.imageSize(), network.inChannels())) {
      if (network.isConditional()) {
        settings.setClasses(SECTION + ".network.num_classes", images.classNames().size());
      }
      precision.complete(settings, device, SECTION + ".run.precision");
      data.completeMirror(settings, SECTION + ".mirror", folder, data.hasCaptions(), out);
      TeacherSettings teacher = settings.section(SECTION, TeacherSettings.class);
      ObjectNode config = Settings.JSON.createObjectNode();
      config.put("halfstep", Halfstep.VERSION);
      config.put("command", "train");
      if (from != null) {
        config
            .putObject("from")
            .put("file", from.toString())
            .put("sha256", FileDigest.sha256(from));
      }
      config.set("data", data.describe(images));
      config.set(SECTION, Settings.JSON.valueToTree(teacher));
      describe(out, device, images, teacher);
      data.note(images, out);
      data.noteRepeats(
          images,
          teacher.run().batch() * teacher.run().updates(),
          Optional.of(
              Map.entry(SECTION + ".network.dropout", (double) teacher.network().dropout())),
          out);
      RunFolder.claim(folder, config);
      Optional<ImageDataset> held = watch.open(data, images);
      try (ImageDataset _ = held.orElse(null)) {
        return StoppableRun.run(
            out,
            folder,
            teacher.run().updates(),
            watch.watch(device, held, folder),
            (listener, stop) ->
                TeacherRun.run(
                    device,
                    images,
                    data.name(),
                    teacher,
                    from,
                    folder,
                    resume.resume(),
                    listener,
                    stop));
      }
    }
  }

  private Settings settings() throws IOException {
    Settings settings = settingsOptions.read();
    updateOptions.override(settings, SECTION, "run.");
    settings.override(SECTION, "network.image_size", imageSize);
    settings.override(SECTION, "network.in_channels", channels);
    settings.override(SECTION, "network.out_channels", channels);
    if (from != null) {
      beginWith(settings);
    }
    return settings;
  }

  /** The network is that of the weights, but for its dropout and the row for "no label". */
  private void beginWith(Settings settings) throws IOException {
    try (Device device = halfstep.openDevice();
        Network<UNetConfig, ModelCard> known = Network.open(device, UNetConfig.FORMAT, from)) {
      UNetConfig wanted = settings.section(SECTION, TeacherSettings.class).network();
      UNetConfig network = known.architecture().withDropout(wanted.dropout());
      settings.override(SECTION, "network", wanted.nullLabel() ? network.withNullLabel() : network);
    }
    if (!settings.isGiven(SECTION + ".run.warmUp")) {
      settings.set(SECTION + ".run.warmUp", RunSettings.SHORT_WARM_UP);
    }
  }

  private static void describe(
      PrintWriter out, Device device, ImageDataset images, TeacherSettings teacher) {
    Graph graph = teacher.network().graph();
    RunSettings run = teacher.run();
    PlanOptions options =
        PlanOptions.training(run.rows(), teacher.seed()).withType(run.precision());
    LeastMemory.require(device, graph, options);
    long plan = Plan.requiredBytes(device, graph, options);
    long weights = run.optimizer().bytes(graph.parameterFloats());
    out.println("on " + device.name());
    out.println(
        "data: "
            + Sizes.count(images.count(), "image")
            + " of "
            + images.height()
            + "x"
            + images.width()
            + "x"
            + images.channels()
            + " in "
            + Sizes.count(images.classNames().size(), "class", "classes")
            + ", "
            + Sizes.bytes((long) images.count() * images.imageValues()));
    out.println(
        "network: "
            + Sizes.whole(graph.parameterCount())
            + " parameters; weights, gradients and optimizer "
            + Sizes.bytes(weights));
    out.println("plan: " + Sizes.bytes(plan) + " for " + Sizes.batch(run.batch(), run.rows()));
    Bounds.memory(device, weights + plan, "training with a batch of " + run.batch());
  }
}
