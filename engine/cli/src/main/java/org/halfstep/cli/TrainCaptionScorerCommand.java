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
import org.halfstep.checkpoint.TextEncoderDescription;
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
import org.halfstep.latent.TextVectors;
import org.halfstep.train.CaptionScorerRun;
import org.halfstep.train.CaptionScorerSettings;
import org.halfstep.train.CaptionScorerShape;
import org.halfstep.train.CaptionedImages;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Trains the network that says how well pictures agree with captions. */
@Command(
    name = "train-caption-scorer",
    description = {
      "Train a small network that says how well a picture agrees with a caption, and whose features"
          + " FID, KID, precision and recall are measured in: pictures against the states of a"
          + " model's text encoder, which does not change.",
      "When it ends, it looks for the right caption of held-out pictures among 100. The same"
          + " command continues a run that was stopped."
    },
    footer = {
      "  halfstep train-caption-scorer --data data/pictures --text out/pictures/teacher --out out/scorer"
    })
final class TrainCaptionScorerCommand implements Callable<Integer> {
  private static final String SECTION = "captionScorer";
  private static final String PRESET = "pictures";

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private DataOption data;
  @Mixin private SettingsOptions settingsOptions;
  @Mixin private UpdateOptions updateOptions;
  @Mixin private PrecisionOption precision;
  @Mixin private ResumeOption resume;

  @Option(
      names = "--text",
      required = true,
      paramLabel = "FOLDER",
      description =
          "The model whose text encoder and tokenizer read captions: a folder of diffusers. Both"
              + " are copied into --out.")
  private Path text;

  @Option(
      names = "--image-size",
      paramLabel = "N",
      description = "Side of the pictures that it takes.")
  private Integer imageSize;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/scorer",
      description =
          "Where checkpoints, config.json, scorer.safetensors, text_encoder and tokenizer go"
              + " (default: out/scorer).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    AtomicFile.requireWritableFolder(folder);
    Settings settings = settingsOptions.read(PRESET);
    updateOptions.override(settings, SECTION, "");
    settings.override(SECTION, "network.image_size", imageSize);
    try (Owned owned = new Owned()) {
      Device device = owned.add(halfstep.openDevice());
      data.completeMirror(settings, SECTION + ".mirror", folder, true, out);
      precision.complete(settings, device, SECTION + ".precision");
      CaptionScorerSettings run = settings.section(SECTION, CaptionScorerSettings.class);
      Checkpoint model = owned.add(Checkpoint.open(text, CheckpointOptions.standard()));
      Component encoder =
          model
              .component(Part.TEXT_ENCODER)
              .orElseThrow(() -> new InputException(text + ": has no text encoder"));
      CaptionedPictures pictures = data.requireCaptioned();
      CaptionScorerShape shape = run.network();
      ImageDataset images = owned.add(data.open(pictures, shape.imageSize(), shape.channels()));
      CaptionedImages examples = new CaptionedImages(images, pictures, run.mirror());
      describe(out, device, examples, encoder, run);
      RunFolder.claim(folder, config(examples, encoder, run));
      int code =
          StoppableRun.run(
              out,
              folder,
              run.updates(),
              (listener, stop) ->
                  CaptionScorerRun.run(
                      device,
                      examples,
                      data.name(),
                      run,
                      model,
                      folder,
                      resume.resume(),
                      listener,
                      stop));
      if (code == 0) {
        new CaptionScorerEvaluation(device, data, folder, out).run();
      }
      return code;
    }
  }

  private ObjectNode config(
      CaptionedImages examples, Component encoder, CaptionScorerSettings run) {
    ObjectNode config = Settings.JSON.createObjectNode();
    config.put("halfstep", Halfstep.VERSION);
    config.put("command", "train-caption-scorer");
    ObjectNode described = config.putObject("data");
    described
        .put("folder", data.folder().toString())
        .put("pictures", examples.count())
        .put("captions", examples.conditions())
        .put("sha256", examples.data().sha256() + " and " + examples.pictures().sha256());
    data.describeTemplates(described);
    config.putObject("text").put("folder", text.toString()).put("sha256", encoder.sha256());
    config.set(SECTION, Settings.JSON.valueToTree(run));
    return config;
  }

  private void describe(
      PrintWriter out,
      Device device,
      CaptionedImages examples,
      Component encoder,
      CaptionScorerSettings run) {
    int width = TextVectors.width((TextEncoderDescription) encoder.network());
    Graph graph = run.network().network(width).graph();
    PlanOptions options = PlanOptions.training(run.batch(), run.seed()).withType(run.precision());
    long plan = Plan.requiredBytes(device, graph, options);
    out.println("on " + device.name());
    out.println(
        "data: "
            + Sizes.count(examples.count(), "picture")
            + ", "
            + Sizes.count(examples.conditions(), "caption")
            + "; caption scorer: "
            + Sizes.whole(graph.parameterCount())
            + " parameters against texts' vectors of "
            + width
            + "; plan "
            + Sizes.bytes(plan)
            + " for a batch of "
            + run.batch());
    long weights = run.optimizer().bytes(graph.parameterFloats());
    Bounds.memory(device, weights + plan, "training with a batch of " + run.batch());
    data.note(examples.data(), out);
    data.noteRepeats(examples.data(), run.batch() * run.updates(), Optional.empty(), out);
    out.flush();
  }
}
