package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.LabelList;
import org.halfstep.cli.option.LatentOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.cli.option.PromptOptions;
import org.halfstep.cli.option.SamplerOptions;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Guidance;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Makes images with a model. */
@Command(
    name = "sample",
    description = "Make images with a model.",
    footer = {
      "  halfstep sample --model fashion-mnist-4 --labels Sneaker,Coat \\",
      "    --per-class 8 --seed 7 --grid out/pair.png",
      "  halfstep sample --model fashion-mnist-teacher --labels 0-9 \\",
      "    --guidance 2 --steps 64 --out out/images",
      "  halfstep sample --model sd15 --prompt 'a photograph of a fox' \\",
      "    --negative blurry --size 512x768 --seed 7 --out out/foxes"
    })
final class SampleCommand implements Callable<Integer> {
  private static final String ALL = "all";
  private static final String FIRST = "0";

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private PrecisionOption precision;
  @Mixin private PromptOptions prompts;
  @Mixin private SamplerOptions sampler;
  @Mixin private LatentOption latent;

  @Option(
      names = "--labels",
      paramLabel = "LIST",
      description =
          "Classes by name or number, with ranges: all, 0,3-5, Sneaker,Coat (default: all).")
  private String labels;

  /** How many images. */
  static final class Number {
    @Option(
        names = "--per-class",
        paramLabel = "N",
        description = "Images of each class (default: 1).")
    private Integer perClass;

    @Option(
        names = "--count",
        paramLabel = "N",
        description = "Images altogether, the classes taken in turn.")
    private Integer count;
  }

  @ArgGroup private Number number = new Number();

  @Option(
      names = "--first-image",
      paramLabel = "K",
      defaultValue = "0",
      description = "Number of the first image (default: 0).")
  private long firstImage;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      description =
          "Guidance strength w of (1 + w) conditional - w unconditional: 0 for none. Programs that"
              + " count a guidance scale call this 1 + w (default: 1, or 6.5 of a model of texts).")
  private Double guidance;

  @Option(
      names = "--grid",
      paramLabel = "FILE",
      description = "All images as one PNG (default: out/sample.png, unless --out is given).")
  private Path grid;

  @Option(
      names = "--scale",
      paramLabel = "N",
      description =
          "Picture pixels per image pixel in the grid (default: so that it is easy to see).")
  private Integer scale;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Each image as a PNG of its own: seed-S-image-K-CLASS.png.")
  private Path folder;

  @Option(
      names = "--npz",
      paramLabel = "FILE",
      description =
          "All images in one file as guided-diffusion's programs read them (arr_0, labels in"
              + " arr_1); there may be any number, since they are never all in memory.")
  private Path npz;

  @Override
  public Integer call() throws IOException {
    if (npz != null && (grid != null || folder != null)) {
      throw new InputException("--npz takes all images: --grid and --out cannot be given with it");
    }
    PrintWriter out = spec.commandLine().getOut();
    String choice = model.orBundled();
    Cancellation cancellation = new Cancellation();
    try (Device device = halfstep.openDevice();
        DiffusionModel opened =
            ModelOption.openAny(
                choice,
                memory
                    .on(device)
                    .withPrecision(precision.on(device))
                    .withLatent(latent.options()));
        StopSignal stop = new StopSignal(cancellation::cancel)) {
      if (opened.isLatent()) {
        return pictures(opened, choice, cancellation, stop);
      }
      requirePixels(choice);
      int[] chosen = LabelList.parse(labels == null ? ALL : labels, opened);
      SampleRequest request = request(opened, chosen);
      SampleOutputs outputs = new SampleOutputs(grid, scale, folder, npz);
      outputs.require(opened, request, chosen.length);
      out.println(ModelOption.describe(opened, choice) + " on " + device.name());
      out.println(
          Sizes.count(request.count(), "image")
              + ", "
              + SampleMetadata.steps(request)
              + ", "
              + Guidance.describe(request.guidance())
              + ", seed "
              + request.seed());
      try {
        double milliseconds =
            new SampleWork(
                    opened, choice, request, cancellation, halfstep.words(memory, precision), out)
                .make(outputs, chosen.length);
        out.println(
            "took "
                + Sizes.decimal(milliseconds)
                + " ms and "
                + Sizes.count(opened.evaluations(request), "network evaluation")
                + " per image");
      } catch (CancellationException stopped) {
        if (!stop.getAsBoolean()) {
          throw stopped;
        }
        out.println(folder == null ? "stopped" : "stopped; the images made are in " + folder);
        return ErrorLine.INTERRUPTED;
      }
    }
    return 0;
  }

  /** What only latent models take. */
  private void requirePixels(String choice) {
    if (prompts.isGiven() || latent.isGiven()) {
      throw new InputException(
          choice
              + ": is a model of pixels; prompts, --size and how a latent model's files are read are"
              + " for latent models");
    }
  }

  private int pictures(
      DiffusionModel opened, String choice, Cancellation cancellation, StopSignal stop)
      throws IOException {
    if (opened.takesPrompts() && labels != null) {
      throw new InputException(choice + ": makes pictures of texts; it takes --prompt, no labels");
    }
    if (!opened.takesPrompts() && !prompts.prompts().isEmpty()) {
      throw new InputException(
          choice + ": makes pictures of classes; it takes --labels, no prompt");
    }
    int[] chosen =
        opened.takesPrompts() ? null : LabelList.parse(labels == null ? FIRST : labels, opened);
    int kinds = chosen == null ? prompts.requirePrompts().size() : chosen.length;
    int images = count(kinds);
    Condition condition =
        chosen == null
            ? prompts.condition(images)
            : Condition.labels(LabelList.inTurn(chosen, images));
    requireFirst();
    SampleRequest request =
        sampler.request(
            opened, condition, guidance, plain -> prompts.sized(plain).withFirstImage(firstImage));
    LatentMetadata metadata =
        new LatentMetadata(
            "sample", choice, opened, latent, request, Map.of(), halfstep.words(memory, precision));
    return new LatentWork(spec.commandLine().getOut(), metadata)
        .run(new SampleOutputs(grid, scale, folder, npz), kinds, null, cancellation, stop);
  }

  private void requireFirst() {
    if (firstImage < 0) {
      throw new InputException("--first-image must be at least 0, got " + firstImage);
    }
  }

  private SampleRequest request(DiffusionModel opened, int[] chosen) {
    requireFirst();
    int[] all = LabelList.inTurn(chosen, count(chosen.length));
    return sampler.request(opened, all, guidance).withFirstImage(firstImage);
  }

  private int count(int classes) {
    if (number.count != null) {
      return Bounds.images("--count", number.count);
    }
    int perClass = number.perClass == null ? 1 : number.perClass;
    return Bounds.whole("--per-class", perClass, 1, Bounds.MOST_IMAGES / classes) * classes;
  }
}
