package org.halfstep.graph;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.halfstep.device.Ceiling;

/**
 * Where a plan's time goes: means over the runs that were measured, by kind of step. Timing every
 * step costs two readings of the clock (about 50 ns) per step.
 *
 * <p>Speeds and shares of the ceiling count the floating-point operations that are done: a
 * convolution by Winograd's algorithm does fewer than the direct form, whose number stands beside
 * it. A step whose data lies in a cache may be above a device's ceiling for memory.
 */
public final class PlanProfile {
  private static final double NANOSECONDS_PER_MILLISECOND = 1e6;
  private static final int MIN_NAME_WIDTH = 24;

  /**
   * All steps of one kind, or one step.
   *
   * @param name the kind, or the step's label and kind
   * @param calls steps per run
   * @param nanoseconds time per run
   * @param flops floating-point operations per run in the direct form, 0 where memory traffic is
   *     what counts
   * @param flopsDone those of the algorithms that compute it
   * @param bytes bytes read and written at least once per run
   * @param share of the time of the whole run, 0 to 1
   */
  public record Row(
      String name,
      int calls,
      double nanoseconds,
      long flops,
      long flopsDone,
      long bytes,
      double share) {
    public double milliseconds() {
      return nanoseconds / NANOSECONDS_PER_MILLISECOND;
    }

    /** GFLOP/s that are done, 0 for a step that is about memory. */
    public double gigaflopsPerSecond() {
      return flopsDone / nanoseconds;
    }

    /** GFLOP/s that the direct form would need to be as fast. */
    public double directGigaflopsPerSecond() {
      return flops / nanoseconds;
    }

    /** Gigabytes per second that are read and written at least. */
    public double gigabytesPerSecond() {
      return bytes / nanoseconds;
    }

    /** What it achieves in the unit that limits it: "250.3 GFLOP/s" or "21.0 GB/s". */
    public String speed() {
      return flops > 0
          ? String.format(Locale.ROOT, "%.1f GFLOP/s", gigaflopsPerSecond())
          : String.format(Locale.ROOT, "%.1f GB/s", gigabytesPerSecond());
    }

    /** {@link #speed} over what the device can do at most in that unit. */
    public double shareOf(Ceiling ceiling) {
      return flops > 0
          ? gigaflopsPerSecond() / ceiling.gigaflopsPerSecond()
          : gigabytesPerSecond() / ceiling.gigabytesPerSecond();
    }
  }

  private final List<StepInfo> steps = new ArrayList<>();
  private final List<Double> nanoseconds = new ArrayList<>();
  private double total;

  private PlanProfile() {}

  /** The forward pass, once to warm up and then {@code runs} times. */
  public static PlanProfile forward(Plan plan, int runs) {
    PlanProfile profile = new PlanProfile();
    long[] times = new long[plan.forwardSteps().size()];
    plan.forward();
    for (int run = 0; run < runs; run++) {
      plan.profile(plan.forwardSteps(), times);
    }
    profile.add(plan.forwardSteps(), times, runs);
    return profile;
  }

  /**
   * A training step: packing the weights, forward, backward and the update of the weights.
   *
   * @param updateBytes what the update reads and writes at least
   * @param update run after every backward pass
   */
  public static PlanProfile training(Plan plan, int runs, long updateBytes, Runnable update) {
    PlanProfile profile = new PlanProfile();
    List<List<StepInfo>> phases =
        List.of(plan.prepareSteps(), plan.forwardSteps(), plan.backwardSteps());
    List<long[]> times = phases.stream().map(phase -> new long[phase.size()]).toList();
    long[] updateTime = new long[1];
    plan.prepare();
    plan.forward();
    plan.backward();
    update.run();
    for (int run = 0; run < runs; run++) {
      for (int i = 0; i < phases.size(); i++) {
        plan.profile(phases.get(i), times.get(i));
      }
      long start = System.nanoTime();
      update.run();
      updateTime[0] += System.nanoTime() - start;
    }
    for (int i = 0; i < phases.size(); i++) {
      profile.add(phases.get(i), times.get(i), runs);
    }
    profile.add(List.of(StepInfo.memory("optimizer", "update", updateBytes)), updateTime, runs);
    return profile;
  }

  private void add(List<StepInfo> phase, long[] times, int runs) {
    for (int i = 0; i < times.length; i++) {
      double mean = (double) times[i] / runs;
      steps.add(phase.get(i));
      nanoseconds.add(mean);
      total += mean;
    }
  }

  /** Floating-point operations of a run in the direct form. */
  public long totalFlops() {
    return steps.stream().mapToLong(StepInfo::flops).sum();
  }

  /** Those that are done. */
  public long totalFlopsDone() {
    return steps.stream().mapToLong(StepInfo::flopsDone).sum();
  }

  /** One row per kind of step, dearest first. */
  public List<Row> kinds() {
    Map<String, Row> kinds = new HashMap<>();
    for (Row row : rows(false)) {
      kinds.merge(row.name(), row, PlanProfile::sum);
    }
    return sorted(new ArrayList<>(kinds.values()));
  }

  /** The dearest single steps. */
  public List<Row> dearestSteps(int limit) {
    List<Row> sorted = sorted(rows(true));
    return sorted.subList(0, Math.min(limit, sorted.size()));
  }

  private List<Row> rows(boolean withLabels) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < steps.size(); i++) {
      StepInfo step = steps.get(i);
      rows.add(
          new Row(
              withLabels ? step.label() + " " + step.kind() : step.kind(),
              1,
              nanoseconds.get(i),
              step.flops(),
              step.flopsDone(),
              step.bytes(),
              nanoseconds.get(i) / total));
    }
    return rows;
  }

  private static Row sum(Row a, Row b) {
    return new Row(
        a.name,
        a.calls + b.calls,
        a.nanoseconds + b.nanoseconds,
        a.flops + b.flops,
        a.flopsDone + b.flopsDone,
        a.bytes + b.bytes,
        a.share + b.share);
  }

  private static List<Row> sorted(List<Row> rows) {
    rows.sort(Comparator.comparingDouble(Row::nanoseconds).reversed());
    return rows;
  }

  /**
   * The rows as aligned text under a heading, ending with the sum.
   *
   * @param ceiling what the device can do at most, for a column that compares; may be empty
   */
  public String table(List<Row> rows, Optional<Ceiling> ceiling) {
    int width = rows.stream().mapToInt(row -> row.name().length()).max().orElse(0);
    String names = "%-" + Math.max(width, MIN_NAME_WIDTH) + "s";
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT, names + " %5s %10s %7s %15s", "step", "calls", "ms", "share", "speed"));
    ceiling.ifPresent(any -> text.append(" of ceiling"));
    text.append(String.format(Locale.ROOT, " %15s", "as direct"));
    text.append(System.lineSeparator());
    for (Row row : rows) {
      text.append(line(names, row, ceiling));
    }
    Row all = new Row("all", steps.size(), total, totalFlops(), totalFlopsDone(), 0, 1);
    text.append(line(names, all, ceiling));
    return text.toString();
  }

  private static String line(String names, Row row, Optional<Ceiling> ceiling) {
    String line =
        String.format(
            Locale.ROOT,
            names + " %5d %10.3f %6.1f%% %15s",
            row.name(),
            row.calls(),
            row.milliseconds(),
            100 * row.share(),
            row.speed());
    return ceiling
            .map(most -> line + String.format(Locale.ROOT, " %9.0f%%", 100 * row.shareOf(most)))
            .orElse(line)
        + (row.flopsDone() == row.flops()
            ? ""
            : String.format(Locale.ROOT, " %7.1f GFLOP/s", row.directGigaflopsPerSecond()))
        + System.lineSeparator();
  }
}
