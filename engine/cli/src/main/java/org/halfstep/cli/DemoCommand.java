package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.TextTable;
import org.halfstep.cli.option.LabelList;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Guidance;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/**
 * The same classes and noise through the teacher and its students: pictures, and what each image
 * costs.
 */
@Command(
    name = "demo",
    description =
        "Make the same images with the bundled teacher and its students, and show what each costs.",
    footer = "  halfstep demo --guidance 1 --seed 0 --out out/demo")
final class DemoCommand implements Callable<Integer> {
  private static final int PADDING = 2;
  private static final int SCALE = 3;
  private static final int MOST_PER_CLASS = 4;
  private static final int ROWS_TOGETHER = 2;
  private static final String TOGETHER = "all.png";
  private static final int TRIAL_STEPS = 4;
  private static final double STUDENT_SECONDS = 2;
  private static final int MOST_REPEATS = 25;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;

  @Option(
      names = "--models",
      paramLabel = "FILE|NAME",
      split = ",",
      description = "Other models, the teacher first (default: those bundled).")
  private List<String> models;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      defaultValue = "1",
      description = "Guidance strength w of (1 + w) conditional - w unconditional (default: 1).")
  private double guidance;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "256",
      description = "Steps of the teacher (default: 256).")
  private int steps;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of the noise (default: 0).")
  private long seed;

  @Option(
      names = "--per-class",
      paramLabel = "N",
      description =
          "Images of each class (default: as many as the teacher makes in --seconds, at most 4).")
  private Integer perClass;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "60",
      description =
          "Time that the teacher may take, when --per-class does not say how many images (default: 60).")
  private double seconds;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/demo",
      description = "Where the pictures go (default: out/demo).")
  private Path folder;

  /** What one model did. */
  private record Result(
      String name,
      int steps,
      long evaluations,
      double milliseconds,
      Path picture,
      ImageBatch firstRows) {}

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    List<String> choices = models == null ? DiffusionModel.bundledNames() : models;
    if (choices.isEmpty()) {
      throw new InputException(
          "no models are bundled with this build: train some (halfstep train, halfstep distill) and name them with"
              + " --models, the teacher first");
    }
    Files.createDirectories(folder);
    List<Result> results = new ArrayList<>();
    int columns = 1;
    try (Device device = halfstep.openDevice()) {
      out.println("On " + Machine.name() + ": " + device.name());
      out.println("Guidance " + Guidance.describe(guidance) + ", seed " + seed);
      int images = 0;
      for (String choice : choices) {
        try (DiffusionModel model = ModelOption.open(choice, device)) {
          images = images == 0 ? images(model) : images;
          columns = model.classes();
          Result result = run(choice, model, images);
          results.add(result);
          out.println("  " + images + " images by " + choice + ": " + result.picture());
          out.flush();
        }
      }
    }
    out.println("  all together: " + together(results, columns));
    out.println();
    table(results).print(out);
    return 0;
  }

  private SampleRequest request(DiffusionModel model, int images) {
    int[] every = LabelList.parse("all", model);
    SampleRequest request =
        model.request(LabelList.inTurn(every, images)).withSeed(seed).withGuidance(guidance);
    return request.steps() == DiffusionModel.DEFAULT_STEPS ? request.withSteps(steps) : request;
  }

  /**
   * How many images all models make: whole rows of one image per class, as many as the teacher has
   * time for.
   */
  private int images(DiffusionModel model) {
    int classes = model.classes();
    if (perClass != null) {
      if (perClass < 1) {
        throw new InputException("--per-class must be at least 1, got " + perClass);
      }
      return Math.multiplyExact(perClass, classes);
    }
    SampleRequest whole = request(model, classes);
    if (whole.steps() <= TRIAL_STEPS || model.card().steps() != null) {
      return MOST_PER_CLASS * classes;
    }
    SampleRequest trial = whole.withSteps(TRIAL_STEPS);
    model.sample(trial);
    long start = System.nanoTime();
    model.sample(trial);
    double perRow = (System.nanoTime() - start) / 1e9 / TRIAL_STEPS * whole.steps();
    return classes * Math.clamp((int) (seconds / perRow), 1, MOST_PER_CLASS);
  }

  private Result run(String choice, DiffusionModel model, int images) throws IOException {
    SampleRequest request = request(model, images);
    model.requireTaken(request);
    // Plans and the first touch of memory are not part of what an image costs.
    model.warmUp(request);
    List<Long> times = new ArrayList<>();
    ImageBatch made = null;
    double spent = 0;
    while (made == null || spent < STUDENT_SECONDS && times.size() < MOST_REPEATS) {
      long start = System.nanoTime();
      made = model.sample(request);
      long time = System.nanoTime() - start;
      times.add(time);
      spent += time / 1e9;
    }
    double milliseconds =
        BenchCommand.median(times.stream().mapToLong(Long::longValue).toArray()) / 1e6 / images;
    Path picture = folder.resolve(pictureName(choice, request));
    SampleMetadata metadata =
        new SampleMetadata(choice, ModelOption.checksum(choice), model, request);
    new ImageGrid(model.classes(), PADDING, SCALE).write(picture, made, metadata.ofAll());
    return new Result(
        choice,
        request.steps(),
        model.evaluations(request),
        milliseconds,
        picture,
        made.first(Math.min(images, ROWS_TOGETHER * model.classes())));
  }

  /** One picture with the first rows of every model, in the order of the table. */
  private Path together(List<Result> results, int columns) throws IOException {
    Path picture = folder.resolve(TOGETHER);
    List<ImageBatch> rows = results.stream().map(Result::firstRows).toList();
    new ImageGrid(columns, PADDING, SCALE).write(picture, ImageBatch.concatenated(rows), Map.of());
    return picture;
  }

  private static String pictureName(String choice, SampleRequest request) {
    String name = Path.of(choice).getFileName().toString().replaceAll("\\.safetensors$", "");
    return name + "-steps-" + request.steps() + ".png";
  }

  private static TextTable table(List<Result> results) {
    TextTable table =
        new TextTable(
            "model",
            "steps",
            "evaluations",
            "ms per image",
            "speedup in evaluations",
            "speedup measured");
    Result teacher = results.getFirst();
    for (Result result : results) {
      table.row(
          result.name(),
          Integer.toString(result.steps()),
          Long.toString(result.evaluations()),
          Sizes.decimal(result.milliseconds()),
          times((double) teacher.evaluations() / result.evaluations()),
          times(teacher.milliseconds() / result.milliseconds()));
    }
    return table;
  }

  private static String times(double factor) {
    return String.format(Locale.ROOT, factor < 10 ? "%.1fx" : "%.0fx", factor);
  }
}
