package org.halfstep.cli.option;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.cli.console.InputException;
import org.halfstep.device.Device;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.CaptionScorer;
import org.halfstep.metrics.ClassifierExtractor;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.InceptionExtractor;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** The choice of the network that image metrics take features from. */
public final class ExtractorOption {
  /** At most one of the two. */
  public static final class Choice {
    @Option(
        names = "--inception",
        paramLabel = "FILE",
        description =
            "Take features from the Inception of FID, with its weights from this file:"
                + " pt_inception-2015-12-05-6726825d.pth, or the same tensors as safetensors.")
    private Path inception;

    @Option(
        names = "--classifier",
        paramLabel = "FILE",
        description =
            "Take features from a classifier that train-classifier made (default: the bundled one of"
                + " Fashion-MNIST).")
    private Path classifier;
  }

  @ArgGroup private Choice choice = new Choice();

  /**
   * Opens it, and says which it is.
   *
   * @param device stays the caller's
   */
  public FeatureExtractor open(Device device, PrintWriter out) throws IOException {
    return open(device, null, out);
  }

  /**
   * The same, where a caption scorer is at hand.
   *
   * @param scorer folder of one, taken where nothing else was chosen; null for none
   */
  public FeatureExtractor open(Device device, Path scorer, PrintWriter out) throws IOException {
    FeatureExtractor extractor =
        scorer != null && choice.inception == null && choice.classifier == null
            ? CaptionScorer.open(device, scorer)
            : open(device);
    out.println("extractor: " + extractor.name() + ", SHA-256 " + extractor.sha256());
    if (extractor instanceof InceptionExtractor inception) {
      out.println(
          "  "
              + inception
                  .difference()
                  .orElse("the public weights of FID, pt_inception-2015-12-05-6726825d.pth"));
    }
    out.flush();
    return extractor;
  }

  private FeatureExtractor open(Device device) throws IOException {
    if (choice.inception != null) {
      return InceptionExtractor.open(device, requireFile(choice.inception));
    }
    return choice.classifier == null
        ? ClassifierExtractor.fashionMnist(device)
        : ClassifierExtractor.load(device, requireFile(choice.classifier));
  }

  private static Path requireFile(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InputException(file + ": there is no such file");
    }
    return file;
  }

  /** Fails when an extractor does not take images of a size, before any are made. */
  public static void requireSuited(
      FeatureExtractor extractor, int height, int width, int channels) {
    ImageBatch black =
        new ImageBatch(1, height, width, channels, new byte[height * width * channels]);
    try {
      extractor.extract(black, new float[extractor.features()], new float[extractor.classes()]);
    } catch (IllegalArgumentException refused) {
      throw new InputException(
          refused.getMessage() + "; --inception FILE takes images of any size", refused);
    }
  }
}
