package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.ExtractorOption;
import org.halfstep.cli.option.LabelList;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.ReferenceOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.data.ImageSource;
import org.halfstep.data.PictureFolder;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Solver;
import org.halfstep.files.FileDigest;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.Quality;
import org.halfstep.metrics.QualityMeter;
import org.halfstep.metrics.ReferenceStatistics;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.GeneratedImages;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Measures generated images against real ones. */
@Command(
    name = "evaluate",
    description = {
      "Measure generated images against real ones: FID, Inception Score, KID, precision and"
          + " recall.",
      "Images come from a model, class by class in turn, or from a file or folder of samples."
    },
    footer = {
      "  halfstep evaluate --model fashion-mnist-4 --guidance 0,1,2 --samples 2000 --out"
          + " out/evaluation.json",
      "  halfstep evaluate --images samples.npz --reference cifar10 --inception"
          + " pt_inception-2015-12-05-6726825d.pth"
    })
final class EvaluateCommand implements Callable<Integer> {
  private static final int DEFAULT_SAMPLES = 2_000;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private ReferenceOption reference;
  @Mixin private ExtractorOption extractor;

  @Option(
      names = "--images",
      paramLabel = "FILE|FOLDER",
      description =
          "Measure these instead of a model's: an .npz of guided-diffusion's form (arr_0), or a"
              + " folder of PNG or JPEG files.")
  private Path images;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description =
          "Number of images (default: 2,000 of a model, all of a file). FID depends on it: compare"
              + " equal numbers only.")
  private Integer samples;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      split = ",",
      description = "Guidance strengths w, each measured alone (default: the model's usual one).")
  private List<Double> guidances;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Sampler steps (default: those a student was distilled for, 256 for others).")
  private Integer steps;

  @Option(
      names = "--sampler",
      paramLabel = "KIND",
      description = "ddim, ancestral or stochastic (default: ddim, or a student's own).")
  private Solver sampler;

  @Option(names = "--clip", description = "Clip predicted images to their range before each step.")
  private boolean clip;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of the noise (default: 0).")
  private long seed;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "How many seeds, from --seed on; several give each number an error (default: 1).")
  private int seeds;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "16",
      description = "Images made together, a power of two (default: 16).")
  private int batch;

  @Option(
      names = "--save-statistics",
      paramLabel = "FILE",
      description =
          "Write mean and covariance of the reference's features: an .npz with mu and sigma.")
  private Path statistics;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the numbers, and all that is needed to repeat them, as JSON.")
  private Path file;

  @Override
  public Integer call() throws IOException {
    requirePlausible();
    PrintWriter out = spec.commandLine().getOut();
    try (Device device = halfstep.openDevice();
        StopSignal stop = new StopSignal(() -> print(out, "stopping"))) {
      print(out, "on " + device.name() + ", " + Machine.name());
      if (images != null) {
        try (FeatureExtractor network = extractor.open(device, out)) {
          return ofFile(network, device, out, stop);
        }
      }
      try (DiffusionModel opened = ModelOption.open(model.orBundled(), device, batch);
          FeatureExtractor network = extractor.open(device, out)) {
        return ofModel(opened, network, device, out, stop);
      }
    }
  }

  private void requirePlausible() {
    boolean forModel =
        guidances != null || steps != null || sampler != null || clip || model.isGiven();
    if (images != null && (forModel || seeds != 1 || seed != 0)) {
      throw new InputException(
          "--images are there already: --model, --guidance, --steps, --sampler, --clip, --seed and"
              + " --seeds do not apply");
    }
    if (images != null && !Files.exists(images)) {
      throw new InputException(images + ": there is no such file or folder");
    }
    if (seeds < 1) {
      throw new InputException("--seeds must be at least 1, got " + seeds);
    }
    if (steps != null && steps < 1) {
      throw new InputException("--steps must be at least 1, got " + steps);
    }
    if (samples != null) {
      requireEnough(samples, "--samples " + samples);
    }
  }

  private static void requireEnough(int count, String what) {
    if (count < Quality.LEAST_SAMPLES) {
      throw new InputException(
          what + ": image metrics need at least " + Quality.LEAST_SAMPLES + " images");
    }
  }

  private int ofModel(
      DiffusionModel opened,
      FeatureExtractor network,
      Device device,
      PrintWriter out,
      StopSignal stop)
      throws IOException {
    int count = samples == null ? DEFAULT_SAMPLES : samples;
    List<Double> strengths = guidances == null ? List.of(opened.defaultGuidance()) : guidances;
    for (double w : strengths) {
      requireTaken(opened, request(opened, count, w, seed));
    }
    SampleRequest first = request(opened, count, strengths.getFirst(), seed);
    print(
        out,
        "samples: "
            + SampleCommand.describe(opened, model.orBundled())
            + "; "
            + first.steps()
            + " "
            + SampleMetadata.name(first)
            + (first.steps() == 1 ? " step" : " steps"));
    ObjectNode about = Settings.JSON.createObjectNode();
    about.put("model", model.orBundled());
    String sha256 = ModelOption.checksum(model.orBundled());
    if (!sha256.isEmpty()) {
      about.put("sha256", sha256);
    }
    about.put("steps", first.steps());
    about.put("sampler", SampleMetadata.name(first));
    about.put("clip", first.clip());
    about.put("networkEvaluationsPerImage", opened.evaluations(first));
    Measurement measurement = new Measurement(network, device, out, stop);
    try (ImageSource size = new GeneratedImages(opened, first)) {
      if (!measurement.begin(size)) {
        return ErrorLine.INTERRUPTED;
      }
    }
    for (double w : strengths) {
      for (long s = seed; s < seed + seeds; s++) {
        try (ImageSource source = new GeneratedImages(opened, request(opened, count, w, s))) {
          String name = String.format(Locale.ROOT, "w %s, seed %d", Sizes.decimal(w), s);
          if (!measurement.measure(source, count, batch, name, w, s)) {
            return measurement.end(about, true);
          }
        }
      }
    }
    return measurement.end(about, false);
  }

  private SampleRequest request(DiffusionModel opened, int count, double w, long s) {
    int[] classes = LabelList.parse("all", opened);
    SampleRequest request =
        opened.request(LabelList.inTurn(classes, count)).withSeed(s).withClip(clip);
    request = steps == null ? request : request.withSteps(steps);
    request = sampler == null ? request : request.withSampler(sampler);
    return request.withGuidance(w);
  }

  private static void requireTaken(DiffusionModel opened, SampleRequest request) {
    try {
      opened.requireTaken(request);
    } catch (IllegalArgumentException refused) {
      throw new InputException(refused.getMessage(), refused);
    }
  }

  private int ofFile(FeatureExtractor network, Device device, PrintWriter out, StopSignal stop)
      throws IOException {
    boolean folder = Files.isDirectory(images);
    try (ImageSource source = folder ? PictureFolder.open(images) : SampleBatchFile.open(images)) {
      int count = samples == null ? source.count() : samples;
      if (count > source.count()) {
        throw new InputException(
            images + ": has " + source.count() + " images, --samples asks for " + count);
      }
      requireEnough(count, images.toString());
      print(out, "samples: " + images + ", " + Sizes.whole(count) + " of " + source.size());
      ObjectNode about = Settings.JSON.createObjectNode();
      about.put("images", images.toString());
      if (!folder) {
        about.put("sha256", FileDigest.sha256(images));
      }
      Measurement measurement = new Measurement(network, device, out, stop);
      if (!measurement.begin(source)) {
        return ErrorLine.INTERRUPTED;
      }
      boolean done =
          measurement.measure(
              source, count, network.batch(), images.getFileName().toString(), Double.NaN, 0);
      return measurement.end(about, !done);
    }
  }

  private static void print(PrintWriter out, String line) {
    out.println(line);
    out.flush();
  }

  /** One evaluation: a reference, then sets of images that are compared with it. */
  private final class Measurement {
    private final FeatureExtractor network;
    private final Device device;
    private final PrintWriter out;
    private final StopSignal stop;
    private final Evaluation evaluation;
    private ReferenceOption.Opened against;

    Measurement(FeatureExtractor network, Device device, PrintWriter out, StopSignal stop) {
      this.network = network;
      this.device = device;
      this.out = out;
      this.stop = stop;
      evaluation = new Evaluation(network);
    }

    /** Looks at the reference; false when asked to stop. */
    boolean begin(ImageSource size) throws IOException {
      ExtractorOption.requireSuited(network, size.height(), size.width(), size.channels());
      Optional<ReferenceOption.Opened> opened = reference.open(network, size, out, stop);
      if (opened.isEmpty()) {
        return false;
      }
      against = opened.get();
      long count = against.images().images();
      print(
          out,
          "reference: "
              + against.images().name()
              + (count == 0 ? " (statistics)" : ", " + Sizes.whole(count) + " images")
              + ", SHA-256 "
              + against.sha256());
      if (statistics != null) {
        SampleCommand.createParent(statistics);
        ReferenceStatistics.write(statistics, against.images().moments());
        print(out, "wrote " + statistics);
      }
      return true;
    }

    /** Measures images; false when asked to stop before the last. */
    boolean measure(ImageSource source, int count, int together, String name, double w, long noise)
        throws IOException {
      QualityMeter meter = new QualityMeter(network, against.images(), count);
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
          done += some.count();
          progress.add(some.count());
        }
      }
      double milliseconds = Double.isNaN(w) ? Double.NaN : nanoseconds / 1e6 / count;
      evaluation.add(new Evaluation.Row(w, noise, meter.results().getFirst(), milliseconds));
      return true;
    }

    int end(ObjectNode about, boolean stopped) throws IOException {
      if (!evaluation.isEmpty()) {
        evaluation.print(out);
        if (file != null) {
          evaluation.write(file, description(about));
          print(out, "wrote " + file);
        }
      }
      if (stopped) {
        print(out, "stopped; what is shown was measured whole");
      }
      return stopped ? ErrorLine.INTERRUPTED : 0;
    }

    private ObjectNode description(ObjectNode about) {
      ObjectNode node = Settings.JSON.createObjectNode();
      node.put("halfstep", Halfstep.VERSION);
      node.put("command", typed());
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
      return node;
    }

    private String typed() {
      return "halfstep "
          + String.join(" ", spec.commandLine().getParent().getParseResult().originalArgs());
    }
  }
}
