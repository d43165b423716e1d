package org.halfstep.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.halfstep.device.Device;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.PlanProfile;
import org.halfstep.graph.StepInfo;
import org.halfstep.model.NetworkInputs;
import org.halfstep.sample.DiffusionModel;
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
  private static final double MIDDLE_TIME = 0.5;
  private static final int MOST_PROFILED = 1000;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;

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
      description = "Also show where the time goes: per kind of operation, with GFLOP/s or GB/s.")
  private boolean profile;

  @Override
  public Integer call() {
    if (batches.stream().anyMatch(batch -> batch < 1)) {
      throw new InputException("--batch must be at least 1, got " + batches);
    }
    PrintWriter out = spec.commandLine().getOut();
    String choice = model.orBundled();
    try (Device device = halfstep.openDevice();
        DiffusionModel opened = ModelOption.open(choice, device)) {
      out.println(SampleCommand.describe(opened, choice));
      out.println(device.name() + ", " + Machine.name());
      out.println();
      SampleRequest request = opened.request(0);
      long evaluations = opened.evaluations(request);
      TextTable table =
          new TextTable("batch", "slab", "runs", "ms per evaluation", "ms per image", "GFLOP/s");
      StringBuilder profiles = new StringBuilder();
      for (int batch : batches) {
        try (Plan plan = plan(opened, batch)) {
          long[] times = time(plan::forward);
          double perRow = median(times) / 1e6 / batch;
          table.row(
              Integer.toString(batch),
              Sizes.bytes(plan.slabBytes()),
              Integer.toString(times.length),
              Sizes.decimal(median(times) / 1e6),
              Sizes.decimal(perRow * evaluations),
              Sizes.decimal(flops(plan) / median(times)));
          if (profile) {
            PlanProfile measured = PlanProfile.forward(plan, runs(median(times)));
            profiles.append(String.format("batch %d%n", batch));
            profiles.append(measured.table(measured.kinds()));
          }
        }
      }
      table.print(out);
      out.println(
          "ms per image: "
              + evaluations
              + " network evaluations, for "
              + request.steps()
              + " steps with guidance "
              + request.guidance());
      if (profiles.length() > 0) {
        out.println();
        out.print(profiles);
      }
    }
    return 0;
  }

  private static Plan plan(DiffusionModel model, int batch) {
    Plan plan =
        Plan.inference(
            model.network().device(),
            model.network().graph(),
            PlanOptions.inference(batch),
            model.network().weights());
    try (NetworkInputs inputs = new NetworkInputs(model.network(), plan)) {
      plan.prepare();
      for (int row = 0; row < batch; row++) {
        inputs.set(row, MIDDLE_TIME, row % model.classes(), model.defaultGuidance());
      }
      inputs.push();
    }
    return plan;
  }

  private static long flops(Plan plan) {
    return plan.forwardSteps().stream().mapToLong(StepInfo::flops).sum();
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

  static double median(long[] times) {
    long[] sorted = times.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2.0;
  }

  private int runs(double nanoseconds) {
    return (int) Math.clamp(seconds * 1e9 / nanoseconds, 3, MOST_PROFILED);
  }
}
