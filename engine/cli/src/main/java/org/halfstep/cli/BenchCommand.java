package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.TextTable;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.device.Ceiling;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.graph.PlanProfile;
import org.halfstep.report.TimeSummary;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Times a model's network on this machine. */
@Command(
    name = "bench",
    description = "Time a model's network on this machine.",
    footer = "  halfstep bench --model fashion-mnist-4 --batch 1,16 --profile")
final class BenchCommand implements Callable<Integer> {
  private static final int MOST_PROFILED = 1000;
  private static final int DEAREST_STEPS = 20;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private PrecisionOption precision;

  @Option(
      names = "--batch",
      paramLabel = "N",
      split = ",",
      defaultValue = "1,16",
      description = "Numbers of images evaluated together (default: 1,16).")
  private List<Integer> batches;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "2",
      description = "Time to measure each batch for (default: 2).")
  private double seconds;

  @Option(
      names = "--profile",
      description =
          "Also show where the time goes: by kind of operation and by single operation, with GFLOP/s"
              + " or GB/s and the share of what this machine can do at most, measured first.")
  private boolean profile;

  @Option(
      names = "--training",
      description = "Time training steps (weights stay as they are) instead of forward passes.")
  private boolean training;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the numbers as JSON, or as CSV where the file's name ends in .csv.")
  private Path file;

  @Override
  public Integer call() throws IOException {
    batches.forEach(batch -> Bounds.whole("--batch", batch, 1, ModelOptions.MOST_BATCH));
    Bounds.seconds("--seconds", seconds);
    if (file != null) {
      AtomicFile.requireWritable(file);
    }
    PrintWriter out = spec.commandLine().getOut();
    String choice = model.orBundled();
    try (Device device = halfstep.openDevice();
        DiffusionModel opened = ModelOption.open(choice, memory.on(device))) {
      out.println(ModelOption.describe(opened, choice));
      out.println(device.name() + ", " + Machine.name());
      Optional<Ceiling> ceiling =
          profile ? device.measureCeiling(precision.on(device)) : Optional.empty();
      ceiling.ifPresent(out::println);
      out.println();
      double before = Machine.load();
      List<BenchRow> rows = measure(opened, out, ceiling);
      if (file != null) {
        BenchRow.write(
            file, rows, choice, device.name(), before, ErrorLine.typed(spec.commandLine()));
        out.println("wrote " + file);
      }
    }
    return 0;
  }

  private List<BenchRow> measure(
      DiffusionModel opened, PrintWriter out, Optional<Ceiling> ceiling) {
    List<BenchRow> rows = new ArrayList<>();
    SampleRequest request = opened.request(0);
    DataType type = precision.on(opened.network().device());
    long evaluations = training ? 1 : opened.evaluations(request);
    TextTable table =
        new TextTable(
            "batch",
            "slab",
            "runs",
            training ? "ms per step" : "ms per evaluation",
            "least",
            "p90",
            "p99",
            "ms per image",
            "GFLOP/s");
    StringBuilder profiles = new StringBuilder();
    for (int batch : batches) {
      try (MeasuredPass pass =
          training
              ? new MeasuredPass.Training(opened, batch, type)
              : new MeasuredPass.Forward(opened, batch, type)) {
        long[] times = time(pass::run);
        TimeSummary summary = TimeSummary.of(times);
        double median = summary.median();
        table.row(
            Integer.toString(batch),
            Sizes.bytes(pass.plan().slabBytes()),
            Integer.toString(summary.runs()),
            Sizes.decimal(median / 1e6),
            Sizes.decimal(summary.least() / 1e6),
            Sizes.decimal(summary.p90() / 1e6),
            Sizes.decimal(summary.p99() / 1e6),
            Sizes.decimal(median / 1e6 / batch * evaluations),
            Sizes.decimal(pass.flops() / median));
        rows.add(
            new BenchRow(
                batch,
                training,
                type.name().toLowerCase(Locale.ROOT),
                summary,
                pass.plan().slabBytes(),
                pass.flops(),
                evaluations));
        if (profile) {
          PlanProfile measured = pass.profile(runs(median));
          profiles.append(String.format(Locale.ROOT, "%nbatch %d%n", batch));
          profiles.append(measured.table(measured.kinds(), ceiling));
          profiles.append(System.lineSeparator());
          profiles.append(measured.table(measured.dearestSteps(DEAREST_STEPS), ceiling));
        }
      }
    }
    table.print(out);
    if (!training) {
      out.println(
          "ms per image: "
              + evaluations
              + " network evaluations, for "
              + request.steps()
              + " steps with guidance "
              + request.guidance());
    }
    out.print(profiles);
    return rows;
  }

  /** Nanoseconds of each run, after a warm-up, for the time asked for and at least three times. */
  private long[] time(Runnable work) {
    work.run();
    work.run();
    long[] times = new long[16];
    int runs = 0;
    long start = System.nanoTime();
    while (runs < 3 || System.nanoTime() - start < seconds * 1e9) {
      long before = System.nanoTime();
      work.run();
      times = runs == times.length ? Arrays.copyOf(times, 2 * runs) : times;
      times[runs++] = System.nanoTime() - before;
    }
    return Arrays.copyOf(times, runs);
  }

  private int runs(double nanoseconds) {
    return (int) Math.clamp(seconds * 1e9 / nanoseconds, 3, MOST_PROFILED);
  }
}
