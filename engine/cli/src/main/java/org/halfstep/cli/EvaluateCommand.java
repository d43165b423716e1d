package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.CaptionOption;
import org.halfstep.cli.option.ExtractorOption;
import org.halfstep.cli.option.LabelList;
import org.halfstep.cli.option.LatentOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PromptOptions;
import org.halfstep.cli.option.ReferenceOption;
import org.halfstep.cli.option.SamplerOptions;
import org.halfstep.cli.option.Settings;
import org.halfstep.data.ImageSource;
import org.halfstep.data.PictureFolder;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.FileDigest;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.Quality;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.GeneratedImages;
import org.halfstep.sample.LatentOptions.Residency;
import org.halfstep.sample.ModelOptions;
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
      "  halfstep evaluate --images pictures --reference photos --captions captions.txt \\",
      "    --clip clip-vit-large-patch14 --inception pt_inception-2015-12-05-6726825d.pth",
      "  halfstep evaluate --model fashion-mnist-4 --guidance 0,1,2 \\",
      "    --samples 2000 --out out/evaluation.json",
      "  halfstep evaluate --images samples.npz --reference cifar10 \\",
      "    --inception pt_inception-2015-12-05-6726825d.pth"
    })
final class EvaluateCommand implements Callable<Integer> {
  private static final int DEFAULT_SAMPLES = 2_000;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private ReferenceOption reference;
  @Mixin private ExtractorOption extractor;
  @Mixin private CaptionOption captions;
  @Mixin private PromptOptions prompts;
  @Mixin private LatentOption latent;
  @Mixin private SamplerOptions sampler;

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
      names = "--seeds",
      paramLabel = "S",
      split = ",",
      description = "Seeds of the noise in place of --seed; several give each number an error.")
  private List<Long> seeds;

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
        StopSignal stop = new StopSignal(() -> out.println("stopping"))) {
      out.println("on " + device.name() + ", " + Machine.name());
      if (images != null) {
        try (FeatureExtractor network = extractor.open(device, captions.scorer(), out)) {
          return ofFile(network, device, out, stop);
        }
      }
      try (DiffusionModel opened =
              ModelOption.openAny(
                  model.orBundled(),
                  memory
                      .on(device)
                      .withMaxBatch(batch)
                      .withLatent(latent.options().withResidency(Residency.KEEP)));
          FeatureExtractor network = extractor.open(device, captions.scorer(), out)) {
        return ofModel(opened, network, device, out, stop);
      }
    }
  }

  private void requirePlausible() throws IOException {
    boolean forModel = guidances != null || sampler.isGiven() || model.isGiven();
    forModel |= prompts.isGiven() || latent.isGiven();
    if (images != null && (forModel || seeds != null || sampler.seed() != 0)) {
      throw new InputException(
          "--images are there already: what makes images (--model, --guidance, --steps, --sampler,"
              + " --clamp, --seed, --seeds, --size, …) does not apply");
    }
    if (images != null && !Files.exists(images)) {
      throw new InputException(images + ": there is no such file or folder");
    }
    captions.requireWhole();
    if (!prompts.prompts().isEmpty()) {
      throw new InputException("--captions FILE say what images show: --prompt does not apply");
    }
    if (seeds != null && sampler.seed() != 0) {
      throw new InputException("--seeds replaces --seed: give one of them");
    }
    Bounds.whole("--batch", batch, 1, ModelOptions.MOST_BATCH);
    if (samples != null) {
      requireEnough(Bounds.images("--samples", samples), "--samples " + samples);
    }
    for (Path result : new Path[] {statistics, file}) {
      if (result != null) {
        AtomicFile.requireWritable(result);
      }
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
    requireSuited(opened);
    if (!captions.isGiven()) {
      int count = samples == null ? DEFAULT_SAMPLES : samples;
      int[] labels = LabelList.inTurn(LabelList.parse("all", opened), count);
      return ofModel(opened, Condition.labels(labels), run(network, device, out, stop), out);
    }
    try (CaptionOption.Opened texts = captions.open(device, samples, out)) {
      requireEnough(texts.captions().size(), texts.file().toString());
      EvaluationRun run = run(network, device, out, stop).withCaptions(texts);
      return ofModel(opened, prompts.condition(texts.captions()), run, out);
    }
  }

  /** What goes with models of one kind only. */
  private void requireSuited(DiffusionModel opened) {
    String choice = model.orBundled();
    if (opened.takesPrompts() != captions.isGiven()) {
      throw new InputException(
          opened.takesPrompts()
              ? choice
                  + ": makes pictures of texts: give --captions FILE and --clip FOLDER (or --scorer FOLDER)"
              : choice
                  + ": makes images of classes; --captions go with models of texts, and with"
                  + " --images");
    }
    if (!opened.isLatent() && (prompts.isGiven() || latent.isGiven())) {
      throw new InputException(
          choice
              + ": is a model of pixels; --size, --negative and how a latent model's files are read"
              + " are for latent models");
    }
  }

  /** Measures images of classes, or of texts. */
  private int ofModel(
      DiffusionModel opened, Condition condition, EvaluationRun run, PrintWriter out)
      throws IOException {
    int count = condition.count();
    List<Double> strengths = guidances == null ? List.of(opened.defaultGuidance()) : guidances;
    List<Long> noises =
        seeds == null ? List.of(sampler.seed()) : seeds.stream().distinct().toList();
    List<SampleRequest> requests = new ArrayList<>();
    for (double w : strengths) {
      SampleRequest request = sampler.request(opened, condition, w, prompts::sized);
      noises.forEach(noise -> requests.add(request.withSeed(noise)));
    }
    SampleRequest first = requests.getFirst();
    out.println(
        "samples: "
            + ModelOption.describe(opened, model.orBundled())
            + "; "
            + SampleMetadata.steps(first));
    ObjectNode about = Settings.JSON.createObjectNode();
    about.put("model", model.orBundled());
    String sha256 = ModelOption.checksum(model.orBundled());
    if (!sha256.isEmpty()) {
      about.put("sha256", sha256);
    }
    about.put("steps", first.steps());
    about.put("sampler", SampleMetadata.name(first));
    about.put("clip", first.clip());
    about.put("size", opened.width(first) + "x" + opened.height(first));
    if (condition instanceof Condition.Prompts texts) {
      about.put("negative", texts.negatives().getFirst());
      about.put("noise", first.noise().label());
    }
    about.put("networkEvaluationsPerImage", opened.evaluations(first));
    reference.expect(opened.classNames());
    try (ImageSource size = new GeneratedImages(opened, first)) {
      if (!run.begin(reference, size)) {
        return ErrorLine.INTERRUPTED;
      }
    }
    for (SampleRequest request : requests) {
      double w = request.guidance();
      String name = String.format(Locale.ROOT, "w %s, seed %d", Sizes.decimal(w), request.seed());
      try (ImageSource source = new GeneratedImages(opened, request)) {
        if (!run.measure(source, count, batch, name, w, request.seed())) {
          return run.end(about, true);
        }
      }
    }
    return run.end(about, false);
  }

  private EvaluationRun run(
      FeatureExtractor network, Device device, PrintWriter out, StopSignal stop) {
    String command = ErrorLine.typed(spec.commandLine());
    return new EvaluationRun(network, device, out, stop, command, statistics, file);
  }

  private int ofFile(FeatureExtractor network, Device device, PrintWriter out, StopSignal stop)
      throws IOException {
    boolean folder = Files.isDirectory(images);
    try (ImageSource source = folder ? PictureFolder.open(images) : SampleBatchFile.open(images)) {
      int count = samples == null ? source.count() : samples;
      if (count > source.count()) {
        throw new InputException(
            images
                + ": has "
                + Sizes.count(source.count(), "image")
                + ", --samples asks for "
                + count);
      }
      requireEnough(count, images.toString());
      out.println("samples: " + images + ", " + Sizes.whole(count) + " of " + source.size());
      source.notes().forEach(line -> out.println("  " + line));
      ObjectNode about = Settings.JSON.createObjectNode();
      about.put("images", images.toString());
      if (!folder) {
        about.put("sha256", FileDigest.sha256(images));
      }
      if (!captions.isGiven()) {
        return ofFile(run(network, device, out, stop), source, count, network.batch(), about);
      }
      try (CaptionOption.Opened opened = captions.open(device, count, out)) {
        EvaluationRun run = run(network, device, out, stop).withCaptions(opened);
        return ofFile(run, source, count, network.batch(), about);
      }
    }
  }

  private int ofFile(
      EvaluationRun run, ImageSource source, int count, int together, ObjectNode about)
      throws IOException {
    if (!run.begin(reference, source)) {
      return ErrorLine.INTERRUPTED;
    }
    String name = images.getFileName().toString();
    boolean done = run.measure(source, count, together, name, Double.NaN, 0);
    return run.end(about, !done);
  }
}
