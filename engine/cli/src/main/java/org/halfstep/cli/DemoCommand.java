package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.TextTable;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.LabelList;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.Guidance;
import org.halfstep.files.AtomicFile;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.report.Speedup;
import org.halfstep.report.TimeSummary;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
  private static final int MOST_IMAGES = 10_000;
  private static final int ROWS_TOGETHER = 2;
  private static final String TOGETHER = "all.png";
  private static final int TRIAL_STEPS = 4;

  /** Turns of each model: a teacher once in each, students for a time. */
  private static final int ROUNDS = 3;

  private static final double STUDENT_SECONDS = 1;
  private static final int MOST_REPEATS = 25;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private MemoryOption memory;

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
          "Time that the teacher may take in all rounds, when --per-class does not say how many images (default: 60).")
  private double seconds;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/demo",
      description = "Where the pictures go (default: out/demo).")
  private Path folder;

  /** What one model did: its pictures, and milliseconds per image of each round. */
  private static final class Entry {
    final String choice;
    final DiffusionModel model;
    final SampleRequest request;
    final double[] milliseconds = new double[ROUNDS];
    ImageBatch made;

    Entry(String choice, DiffusionModel model, SampleRequest request) {
      this.choice = choice;
      this.model = model;
      this.request = request;
    }

    long evaluations() {
      return model.evaluations(request);
    }

    /** One turn: once, and again while it took little time. */
    void turn(int round) {
      List<Long> times = new ArrayList<>();
      double spent = 0;
      while (spent < STUDENT_SECONDS && times.size() < MOST_REPEATS) {
        long start = System.nanoTime();
        made = model.sample(request);
        times.add(System.nanoTime() - start);
        spent += times.getLast() / 1e9;
      }
      long[] all = times.stream().mapToLong(Long::longValue).toArray();
      milliseconds[round] = TimeSummary.of(all).median() / 1e6 / request.count();
    }
  }

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Bounds.whole("--steps", steps, 1, SampleRequest.MOST_STEPS);
    Bounds.seconds("--seconds", seconds);
    List<String> choices = models == null ? DiffusionModel.bundledNames() : models;
    if (choices.isEmpty()) {
      throw new InputException(
          "no models are bundled with this build: train some (halfstep train, halfstep distill) and name them with"
              + " --models, the teacher first");
    }
    AtomicFile.requireWritableFolder(folder);
    try (Owned owned = new Owned()) {
      Device device = owned.add(halfstep.openDevice());
      out.println("On " + Machine.name() + ": " + device.name());
      out.println("Guidance " + Guidance.describe(guidance) + ", seed " + seed);
      List<Entry> entries = new ArrayList<>();
      int images = 0;
      for (String choice : choices) {
        DiffusionModel model = owned.add(ModelOption.open(choice, memory.on(device)));
        images = images == 0 ? images(model) : images;
        SampleRequest request = request(model, images);
        model.requireSupported(request);
        // Plans and the first touch of memory are not part of what an image costs.
        model.warmUp(request);
        entries.add(new Entry(choice, model, request));
      }
      double load = Machine.load();
      for (int round = 0; round < ROUNDS; round++) {
        out.println("  round " + (round + 1) + " of " + ROUNDS + ", each model in turn");
        for (Entry entry : entries) {
          entry.turn(round);
        }
      }
      for (Entry entry : entries) {
        out.println(
            "  " + Sizes.count(images, "image") + " by " + entry.choice + ": " + write(entry));
      }
      out.println("  all together: " + together(entries));
      out.println();
      show(out, entries, load);
      if (models == null) {
        new PicturesDemo(memory.on(device), seed, folder, out).run();
      }
    }
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
      return Bounds.whole("--per-class", perClass, 1, MOST_IMAGES / classes) * classes;
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
    return classes * Math.clamp((int) (seconds / ROUNDS / perRow), 1, MOST_PER_CLASS);
  }

  private Path write(Entry entry) throws IOException {
    Path picture = folder.resolve(pictureName(entry.choice, entry.request));
    SampleMetadata metadata =
        new SampleMetadata(
            entry.choice,
            ModelOption.checksum(entry.choice),
            entry.model,
            entry.request,
            halfstep.words());
    new ImageGrid(entry.model.classes(), PADDING, SCALE)
        .write(picture, entry.made, metadata.ofAll());
    return picture;
  }

  /** One picture with the first rows of every model, in the order of the table. */
  private Path together(List<Entry> entries) throws IOException {
    Path picture = folder.resolve(TOGETHER);
    int columns = entries.getLast().model.classes();
    List<ImageBatch> rows =
        entries.stream()
            .map(
                entry ->
                    entry.made.first(
                        Math.min(entry.made.count(), ROWS_TOGETHER * entry.model.classes())))
            .toList();
    new ImageGrid(columns, PADDING, SCALE).write(picture, ImageBatch.concatenated(rows), Map.of());
    return picture;
  }

  private static String pictureName(String choice, SampleRequest request) {
    String name = Path.of(choice).getFileName().toString().replaceAll("\\.safetensors$", "");
    return name + "-steps-" + request.steps() + ".png";
  }

  private static void show(PrintWriter out, List<Entry> entries, double load) {
    TextTable table =
        new TextTable(
            "model",
            "steps",
            "evaluations",
            "ms per image",
            "speedup in evaluations",
            "speedup measured",
            "from",
            "to");
    Entry teacher = entries.getFirst();
    boolean quiet = true;
    for (Entry entry : entries) {
      Speedup speedup =
          Speedup.of(
              teacher.milliseconds,
              entry.milliseconds,
              (double) teacher.evaluations() / entry.evaluations());
      quiet &= speedup.verdict() != Speedup.Verdict.NOT_QUIET;
      double[] sorted = entry.milliseconds.clone();
      Arrays.sort(sorted);
      table.row(
          entry.choice,
          Integer.toString(entry.request.steps()),
          Long.toString(entry.evaluations()),
          Sizes.decimal(sorted[ROUNDS / 2]),
          times(speedup.evaluations()),
          times(speedup.median()),
          times(speedup.least()),
          times(speedup.greatest()));
    }
    table.print(out);
    out.println();
    out.println(
        "Medians of "
            + ROUNDS
            + " rounds of all models in turn, with the least and the greatest; load of the machine "
            + Sizes.decimal(load)
            + " before, "
            + Sizes.decimal(Machine.load())
            + " after.");
    if (!quiet) {
      out.println(
          "A measured speedup is above "
              + Speedup.MOST_SHARE
              + " of the one in evaluations: the machine was not quiet, so measure again.");
    }
  }

  private static String times(double factor) {
    return String.format(Locale.ROOT, factor < 10 ? "%.1fx" : "%.0fx", factor);
  }
}
