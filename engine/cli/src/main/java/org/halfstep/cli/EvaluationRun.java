package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.CaptionOption;
import org.halfstep.cli.option.ExtractorOption;
import org.halfstep.cli.option.ReferenceOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.data.ImageSource;
import org.halfstep.device.Device;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.CaptionMeter;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.QualityMeter;
import org.halfstep.metrics.ReferenceStatistics;

/** One evaluation: a reference, then sets of images that are compared with it. */
final class EvaluationRun {
  private final FeatureExtractor network;
  private final Device device;
  private final PrintWriter out;
  private final StopSignal stop;
  private final Evaluation evaluation;
  private final String command;
  private final Path statistics;
  private final Path file;
  private ReferenceOption.Opened against;
  private CaptionOption.Opened captions;

  /**
   * @param command that was typed
   * @param statistics file for the reference's; null for none
   * @param file for the numbers; null for none
   */
  EvaluationRun(
      FeatureExtractor network,
      Device device,
      PrintWriter out,
      StopSignal stop,
      String command,
      Path statistics,
      Path file) {
    this.network = network;
    this.device = device;
    this.out = out;
    this.stop = stop;
    this.command = command;
    this.statistics = statistics;
    this.file = file;
    evaluation = new Evaluation(network);
  }

  /** The same, which compares images with captions as well. */
  EvaluationRun withCaptions(CaptionOption.Opened opened) {
    captions = opened;
    return this;
  }

  /** Reads the reference; false when asked to stop. */
  boolean begin(ReferenceOption reference, ImageSource size) throws IOException {
    ExtractorOption.requireSuited(network, size.height(), size.width(), size.channels());
    Optional<ReferenceOption.Opened> opened = reference.open(network, size, out, stop);
    if (opened.isEmpty()) {
      return false;
    }
    against = opened.get();
    long count = against.images().images();
    out.println(
        "reference: "
            + against.images().name()
            + (count == 0 ? " (statistics)" : ", " + Sizes.count(count, "image"))
            + ", SHA-256 "
            + against.sha256());
    if (statistics != null) {
      ReferenceStatistics.write(statistics, against.images().moments());
      out.println("wrote " + statistics);
    }
    return true;
  }

  /** Measures images; false when asked to stop before the last. */
  boolean measure(ImageSource source, int count, int together, String name, double w, long noise)
      throws IOException {
    QualityMeter meter = new QualityMeter(network, against.images(), count);
    CaptionMeter agreement =
        captions == null ? null : new CaptionMeter(captions.model(), captions.captions());
    long nanoseconds = 0;
    try (ImageProgress progress = new ImageProgress(out, name, count)) {
      for (int done = 0; done < count; ) {
        if (stop.getAsBoolean()) {
          return false;
        }
        long start = System.nanoTime();
        ImageBatch some = source.next(Math.min(together, count - done));
        nanoseconds += System.nanoTime() - start;
        meter.add(some);
        if (agreement != null) {
          agreement.add(some);
        }
        done += some.count();
        progress.add(some.count());
      }
    }
    double milliseconds = Double.isNaN(w) ? Double.NaN : nanoseconds / 1e6 / count;
    Evaluation.Agreement score =
        agreement == null ? null : Evaluation.Agreement.of(captions.model(), agreement);
    evaluation.add(new Evaluation.Row(w, noise, meter.results().getFirst(), milliseconds, score));
    return true;
  }

  int end(ObjectNode about, boolean stopped) throws IOException {
    if (!evaluation.isEmpty()) {
      evaluation.print(out);
      if (file != null) {
        evaluation.write(file, description(about));
        out.println("wrote " + file);
      }
    }
    if (stopped) {
      out.println("stopped; what is shown was measured whole");
    }
    return stopped ? ErrorLine.INTERRUPTED : 0;
  }

  private ObjectNode description(ObjectNode about) {
    ObjectNode node = Settings.JSON.createObjectNode();
    node.put("halfstep", Halfstep.VERSION);
    node.put("command", command);
    node.put("time", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    node.put("machine", Machine.name());
    node.put("device", device.name());
    ObjectNode extractorNode = node.putObject("extractor");
    extractorNode.put("name", network.name());
    extractorNode.put("sha256", network.sha256());
    ObjectNode referenceNode = node.putObject("reference");
    referenceNode.put("name", against.images().name());
    referenceNode.put("path", against.path().toString());
    referenceNode.put("sha256", against.sha256());
    if (against.images().images() > 0) {
      referenceNode.put("images", against.images().images());
    }
    node.set("samples", about);
    if (captions != null) {
      node.set("captions", Settings.JSON.valueToTree(captions.description()));
    }
    return node;
  }
}
