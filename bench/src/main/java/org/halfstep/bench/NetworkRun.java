package org.halfstep.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.halfstep.device.Ceiling;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanProfile;
import org.halfstep.graph.StepInfo;
import org.halfstep.model.UNetConfig;

/**
 * One measurement of one peer network in a process of its own, as the peers are measured: three
 * runs to warm up, then at least five and as many as fit the time. Prints one RESULT line with
 * median, minimum, maximum and peak resident memory.
 */
public final class NetworkRun {
  private static final int WARM_UP = 3;
  private static final int MIN_RUNS = 5;
  private static final int MAX_RUNS = 400;
  private static final int DEAREST_STEPS = 25;

  /** Steps after which two precisions' losses are compared. */
  private static final int LOSS_STEPS = 20;

  /** Relative error of another precision's output that passes; the CPU's is 0.023 for S. */
  private static final double MOST_ROUNDING = 0.03;

  /** The same of a loss. */
  private static final double MOST_LOSS_ROUNDING = 0.02;

  private static final String USAGE =
      "usage: NetworkRun S|M|L"
          + " forward|int8|train|plan|plan-train|check|check-int8|check-precision|loss|profile"
          + "|profile-int8|profile-train|overhead|write-int8 BATCH SECONDS";

  private final PeerNetwork which;
  private final int batch;
  private final double seconds;

  private NetworkRun(PeerNetwork which, int batch, double seconds) {
    this.which = which;
    this.batch = batch;
    this.seconds = seconds;
  }

  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 4) {
      throw new IllegalArgumentException(USAGE);
    }
    if (LatentRun.knows(arguments[0])) {
      LatentRun.main(arguments);
      return;
    }
    if (PictureTraining.knows(arguments[0])) {
      PictureTraining.main(arguments);
      return;
    }
    NetworkRun run =
        new NetworkRun(
            PeerNetwork.valueOf(arguments[0]),
            Integer.parseInt(arguments[2]),
            Double.parseDouble(arguments[3]));
    DataType precision = BenchDevice.precision();
    try (Device device = BenchDevice.open()) {
      System.out.println(
          switch (arguments[1]) {
            case "forward" -> run.forward(new ForwardPass(device, run.which, run.batch, precision));
            case "int8" -> run.forward(ForwardPass.int8(device, run.which, run.batch));
            case "train" -> run.train(device);
            case "plan" -> run.plan(device, false);
            case "plan-train" -> run.plan(device, true);
            case "check-precision" -> run.checkPrecision(device);
            case "loss" -> run.loss(device);
            case "check" ->
                check(run.which.config(), new ForwardPass(device, run.which, 2, precision));
            case "check-int8" -> check(run.which.config(), ForwardPass.int8(device, run.which, 2));
            case "profile" -> run.profile(new ForwardPass(device, run.which, run.batch, precision));
            case "profile-int8" -> run.profile(ForwardPass.int8(device, run.which, run.batch));
            case "overhead" -> run.overhead(device);
            case "profile-train" -> run.profileTraining(device);
            case "write-int8" -> "wrote " + run.which.writeInt8(device);
            default -> throw new IllegalArgumentException(USAGE);
          });
    }
  }

  private String forward(ForwardPass forward) throws IOException {
    try (ForwardPass pass = forward) {
      RunTimes times = RunTimes.of(pass::run, seconds);
      return times.result(which.name(), "forward", batch, work(pass.plan()));
    }
  }

  private String train(Device device) throws IOException {
    try (TrainingStep step = new TrainingStep(device, which, batch, BenchDevice.precision())) {
      RunTimes times = RunTimes.of(step::run, seconds);
      return times.result(
          which.name(),
          "train",
          batch,
          String.format(Locale.ROOT, "%s loss %.4f", work(step.plan()), step.loss()));
    }
  }

  /**
   * Makes a plan and nothing else: on a GPU that fills the cache of compiled plans, so that the
   * processes that measure find it warm.
   */
  private String plan(Device device, boolean training) throws IOException {
    long start = System.nanoTime();
    long bytes;
    if (training) {
      try (TrainingStep step = new TrainingStep(device, which, batch, BenchDevice.precision())) {
        bytes = step.plan().slabBytes();
      }
    } else {
      try (ForwardPass pass = new ForwardPass(device, which, batch, BenchDevice.precision())) {
        bytes = pass.plan().slabBytes();
      }
    }
    return String.format(
        Locale.ROOT,
        "PLAN %s %s batch %d: network opened and planned in %.1f s, slab %d MiB%s",
        which,
        training ? "train" : "forward",
        batch,
        (System.nanoTime() - start) / 1e9,
        bytes >> 20,
        engines(device));
  }

  /** ", engines timed, 24 operations in 1.3 s, …" of a GPU; nothing of a CPU. */
  private static String engines(Device device) {
    return device.parts().stream()
        .filter(part -> part.name().equals("engines"))
        .map(part -> ", engines " + part.description())
        .findFirst()
        .orElse("");
  }

  /** The relative error of a forward pass in the run's precision against float32's. */
  private String checkPrecision(Device device) throws IOException {
    float[] exact;
    float[] rounded;
    try (ForwardPass pass = new ForwardPass(device, which, batch)) {
      pass.run();
      exact = pass.output();
    }
    try (ForwardPass pass = new ForwardPass(device, which, batch, BenchDevice.precision())) {
      pass.run();
      rounded = pass.output();
    }
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < exact.length; i++) {
      difference += Math.pow(exact[i] - rounded[i], 2);
      norm += Math.pow(exact[i], 2);
    }
    double error = Math.sqrt(difference / norm);
    return String.format(
        Locale.ROOT,
        "CHECK %s %s batch %d: %s differs from float32 by %.5f (at most %.2f passes)",
        error <= MOST_ROUNDING ? "passed" : "failed",
        which,
        batch,
        BenchDevice.precision().name().toLowerCase(Locale.ROOT),
        error,
        MOST_ROUNDING);
  }

  /** The loss after some training steps in float32 and in the run's precision, same draws. */
  private String loss(Device device) throws IOException {
    double exact = lossAfterSteps(device, DataType.F32);
    double rounded = lossAfterSteps(device, BenchDevice.precision());
    double error = Math.abs(rounded - exact) / exact;
    return String.format(
        Locale.ROOT,
        "CHECK %s %s batch %d: loss after %d steps %.5f in %s, %.5f in float32 (%.2f %% apart, at"
            + " most %.0f passes)",
        error <= MOST_LOSS_ROUNDING ? "passed" : "failed",
        which,
        batch,
        LOSS_STEPS,
        rounded,
        BenchDevice.precision().name().toLowerCase(Locale.ROOT),
        exact,
        100 * error,
        100 * MOST_LOSS_ROUNDING);
  }

  private double lossAfterSteps(Device device, DataType precision) throws IOException {
    try (TrainingStep step = new TrainingStep(device, which, batch, precision)) {
      for (int i = 0; i < LOSS_STEPS; i++) {
        step.run();
      }
      return step.loss();
    }
  }

  /** The plan's memory, and what one run of it computes and moves at least. */
  static String work(Plan plan) {
    List<StepInfo> steps = new ArrayList<>(plan.forwardSteps());
    steps.addAll(plan.backwardSteps());
    return String.format(
        Locale.ROOT,
        "slab %d MiB, %d launches, %.3f GFLOP, %.4f GB in %s",
        plan.slabBytes() >> 20,
        steps.size(),
        steps.stream().mapToLong(StepInfo::flops).sum() / 1e9,
        steps.stream().mapToLong(StepInfo::bytes).sum() / 1e9,
        BenchDevice.precision().name().toLowerCase(Locale.ROOT));
  }

  /**
   * The sums that every engine prints for the same weights and input: batch of two, times 10 and
   * 700, labels 1 and 7.
   */
  private static String check(UNetConfig config, ForwardPass forward) {
    try (ForwardPass pass = forward) {
      PeerInputs.fillRows(pass.plan(), config, new float[] {10, 700}, new int[] {1, 7});
      pass.run();
      return sums(pass.output());
    }
  }

  /** Four numbers of a result by which engines are compared. */
  public static String sums(float... values) {
    double sum = 0;
    double absolute = 0;
    for (float value : values) {
      sum += value;
      absolute += Math.abs(value);
    }
    return String.format(
        Locale.ROOT,
        "sum %f abs %f [5] %f last %f",
        sum,
        absolute,
        values[5],
        values[values.length - 1]);
  }

  private String profile(ForwardPass forward) throws IOException {
    try (ForwardPass pass = forward) {
      RunTimes times = RunTimes.of(pass::run, seconds);
      PlanProfile profile = PlanProfile.forward(pass.plan(), times.count());
      return times.result(which.name(), "forward", batch, "profile:")
          + "\n"
          + text(profile, pass.plan().device());
    }
  }

  private String profileTraining(Device device) throws IOException {
    try (TrainingStep step = new TrainingStep(device, which, batch, BenchDevice.precision())) {
      RunTimes times = RunTimes.of(step::run, seconds);
      PlanProfile profile = step.profile(Math.min(times.count(), RunTimes.LEAST));
      return times.result(which.name(), "train", batch, "profile:") + "\n" + text(profile, device);
    }
  }

  /** An upper bound of what Java and the foreign calls cost in a forward pass. */
  private String overhead(Device device) throws IOException {
    try (ForwardPass pass = new ForwardPass(device, which, batch, BenchDevice.precision())) {
      int launches = pass.plan().forwardSteps().size();
      try (TrivialLaunches trivial = new TrivialLaunches(device, launches)) {
        // Long enough for the compiler to have finished.
        for (int i = 0; i < 20_000; i++) {
          trivial.run();
        }
        RunTimes forward = RunTimes.of(pass::run, seconds);
        double calls = RunTimes.of(trivial::run, seconds).median();
        return forward.result(
            which.name(),
            "forward",
            batch,
            String.format(
                Locale.ROOT,
                "%d launches without work: median %.4f ms, %.2f %% of a forward pass",
                launches,
                calls,
                100 * calls / forward.median()));
      }
    }
  }

  static String text(PlanProfile profile, Device device) {
    Optional<Ceiling> ceiling = device.measureCeiling(BenchDevice.precision());
    return ceiling.map(most -> most + "\n\n").orElse("")
        + profile.table(profile.kinds(), ceiling)
        + "\n"
        + profile.table(profile.dearestSteps(DEAREST_STEPS), ceiling);
  }
}
