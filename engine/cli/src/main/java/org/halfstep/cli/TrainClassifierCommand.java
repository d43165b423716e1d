package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StoppableRun;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.ResumeOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.cli.option.SettingsOptions;
import org.halfstep.cli.option.UpdateOptions;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.metrics.ClassifierExtractor;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.train.ClassifierRun;
import org.halfstep.train.ClassifierSettings;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Trains the classifier whose features stand in for Inception's. */
@Command(
    name = "train-classifier",
    description = {
      "Train a small classifier whose features FID, KID, precision and recall are measured in, for images that"
          + " Inception means little for.",
      "The same command continues a run that was stopped."
    },
    footer = "  halfstep train-classifier --data data/fashion-mnist --out out/classifier")
final class TrainClassifierCommand implements Callable<Integer> {
  private static final String SECTION = "classifier";

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private DataOption data;
  @Mixin private SettingsOptions settingsOptions;
  @Mixin private UpdateOptions updateOptions;
  @Mixin private ResumeOption resume;

  @Option(
      names = "--image-size",
      paramLabel = "N",
      description = "Side of the images that it takes.")
  private Integer imageSize;

  @Option(
      names = "--channels",
      paramLabel = "N",
      description = "1 for greyscale images, 3 for RGB.")
  private Integer channels;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/classifier",
      description =
          "Where checkpoints, config.json and classifier.safetensors go (default: out/classifier).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    AtomicFile.requireWritableFolder(folder);
    Settings settings = settings();
    ClassifierConfig network = settings.section(SECTION, ClassifierSettings.class).network();
    try (ImageDataset images = data.open(network.imageSize(), network.channels());
        Device device = halfstep.openDevice()) {
      settings.setClasses(SECTION + ".network.classes", images.classNames().size());
      data.completeMirror(settings, SECTION + ".mirror", folder, data.hasCaptions(), out);
      ClassifierSettings classifier = settings.section(SECTION, ClassifierSettings.class);
      ObjectNode config = Settings.JSON.createObjectNode();
      config.put("halfstep", Halfstep.VERSION);
      config.put("command", "train-classifier");
      config.set("data", data.describe(images));
      config.set(SECTION, Settings.JSON.valueToTree(classifier));
      RunFolder.claim(folder, config);
      out.println("on " + device.name());
      out.println(
          "data: "
              + Sizes.count(images.count(), "image")
              + " in "
              + Sizes.count(images.classNames().size(), "class", "classes")
              + "; network: "
              + Sizes.whole(classifier.network().graph().parameterCount())
              + " parameters, "
              + classifier.network().features()
              + " features");
      data.note(images, out);
      data.noteRepeats(images, classifier.batch() * classifier.updates(), Optional.empty(), out);
      int code =
          StoppableRun.run(
              out,
              folder,
              classifier.updates(),
              (listener, stop) ->
                  ClassifierRun.run(
                      device,
                      images,
                      data.name(),
                      classifier,
                      folder,
                      resume.resume(),
                      listener,
                      stop));
      if (code == 0) {
        showAccuracy(out, device, classifier.network());
      }
      return code;
    }
  }

  private Settings settings() throws IOException {
    Settings settings = settingsOptions.read();
    updateOptions.override(settings, SECTION, "");
    settings.override(SECTION, "network.image_size", imageSize);
    settings.override(SECTION, "network.channels", channels);
    return settings;
  }

  private void showAccuracy(PrintWriter out, Device device, ClassifierConfig network)
      throws IOException {
    int side = network.imageSize();
    try (ClassifierExtractor extractor =
        ClassifierExtractor.load(device, folder.resolve(ClassifierRun.FILE))) {
      DatasetOptions options =
          DatasetOptions.of(Split.TEST)
              .withSize(side, side, network.channels())
              .withClasses(extractor.classifier().card().classNames());
      try (ImageDataset test = data.open(options)) {
        out.printf(
            Locale.ROOT,
            "accuracy on %s test images: %.2f %%%n",
            Sizes.whole(test.count()),
            100 * extractor.accuracy(test));
      } catch (IOException noTestImages) {
        out.println("there are no test images to measure it on: " + ErrorLine.line(noTestImages));
      }
      out.println("classifier " + extractor.sha256());
    }
  }
}
