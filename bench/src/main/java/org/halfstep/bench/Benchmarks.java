package org.halfstep.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.halfstep.sample.DiffusionModel;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs the JMH benchmarks and the latency run, prints the headline and writes a report. Arguments:
 * {@code short} or {@code long}, the report's file, and patterns of benchmark names (all without
 * one; {@value #LATENCY} is the latency run). What follows "--" are options of JMH itself, which
 * win over ours.
 */
public final class Benchmarks {
  private static final String TEACHER = "TeacherBenchmark";
  private static final String LATENCY = "latency";

  /**
   * How much is measured.
   *
   * @param forks processes per benchmark
   * @param warmUps iterations before
   * @param iterations iterations that count
   * @param seconds length of an iteration
   * @param shots requests to the teacher in each process
   */
  record Effort(int forks, int warmUps, int iterations, double seconds, int shots) {
    static final Effort SHORT = new Effort(1, 1, 2, 1, 1);
    static final Effort LONG = new Effort(3, 1, 3, 1, 2);

    /** For benchmarks whose iterations are single requests. */
    Effort ofShots() {
      return new Effort(forks, 0, shots, seconds, shots);
    }
  }

  private static final double SHORT_LATENCY_SECONDS = 2;
  private static final double LONG_LATENCY_SECONDS = 10;
  private static final int LEAST_REQUESTS = 100;

  private Benchmarks() {}

  public static void main(String[] arguments) throws IOException, RunnerException {
    if (arguments.length < 2 || !List.of("short", "long").contains(arguments[0])) {
      throw new IllegalArgumentException("usage: Benchmarks short|long REPORT.json [PATTERN...]");
    }
    boolean quick = arguments[0].equals("short");
    Effort effort = quick ? Effort.SHORT : Effort.LONG;
    List<String> given = List.of(arguments).subList(2, arguments.length);
    int split = given.indexOf("--");
    List<String> patterns = split < 0 ? given : given.subList(0, split);
    Options jmh = options(split < 0 ? List.of() : given.subList(split + 1, given.size()));
    List<String> students =
        DiffusionModel.bundledNames().stream().filter(name -> !name.endsWith("teacher")).toList();
    List<String> parameters = new ArrayList<>();
    parameters.add("model=" + String.join(",", students));
    if (quick) {
      parameters.add("steps=256");
    }
    List<RunResult> results = new ArrayList<>();
    results.addAll(matching(effort, jmh, patterns, parameters, false));
    results.addAll(matching(effort.ofShots(), jmh, patterns, parameters, true));
    List<Latency> latencies = new ArrayList<>();
    if (patterns.isEmpty() || patterns.contains(LATENCY)) {
      for (String student : students) {
        latencies.add(
            Latency.of(
                student, quick ? SHORT_LATENCY_SECONDS : LONG_LATENCY_SECONDS, LEAST_REQUESTS));
      }
    }
    if (results.isEmpty() && latencies.isEmpty()) {
      throw new IllegalArgumentException("no benchmark matches " + patterns);
    }
    Path file = Path.of(arguments[1]);
    Report report = Report.of(String.join(" ", arguments), results, latencies);
    report.write(file);
    Headline.print(report, System.out);
    System.out.println();
    System.out.println("report: " + file);
  }

  /** Runs the benchmarks that patterns name: those of the teacher, or all others. */
  private static Collection<RunResult> matching(
      Effort effort, Options jmh, List<String> patterns, List<String> parameters, boolean teacher)
      throws RunnerException {
    List<String> wanted = patterns.isEmpty() ? List.of("Benchmark") : patterns;
    String only = teacher ? "(?=.*" + TEACHER + ")" : "(?!.*" + TEACHER + ")";
    List<String> narrowed = wanted.stream().map(pattern -> "^" + only + ".*" + pattern).toList();
    try {
      return run(effort, jmh, narrowed, parameters, VerboseMode.NORMAL);
    } catch (NoBenchmarksException none) {
      return List.of();
    }
  }

  private static Options options(List<String> arguments) {
    try {
      return new CommandLineOptions(arguments.toArray(String[]::new));
    } catch (CommandLineOptionException refused) {
      throw new IllegalArgumentException("JMH: " + refused.getMessage(), refused);
    }
  }

  /**
   * @param effort no forks means "in this process"
   * @param jmh what wins over it
   * @param patterns regular expressions of benchmark names
   * @param parameters "name=value" to override a benchmark's parameters
   * @param verbosity what JMH prints
   */
  static Collection<RunResult> run(
      Effort effort,
      Options jmh,
      List<String> patterns,
      List<String> parameters,
      VerboseMode verbosity)
      throws RunnerException {
    TimeValue length = TimeValue.milliseconds((long) (1000 * effort.seconds));
    OptionsBuilder options = new OptionsBuilder();
    options.parent(jmh);
    patterns.forEach(options::include);
    options
        .forks(jmh.getForkCount().orElse(effort.forks))
        .warmupIterations(jmh.getWarmupIterations().orElse(effort.warmUps))
        .measurementIterations(jmh.getMeasurementIterations().orElse(effort.iterations))
        .warmupTime(jmh.getWarmupTime().orElse(length))
        .measurementTime(jmh.getMeasurementTime().orElse(length))
        .verbosity(jmh.verbosity().orElse(verbosity))
        .shouldFailOnError(true)
        .shouldDoGC(jmh.shouldDoGC().orElse(false));
    for (String parameter : parameters) {
      int at = parameter.indexOf('=');
      options.param(parameter.substring(0, at), parameter.substring(at + 1).split(","));
    }
    return new Runner(options.build()).run();
  }
}
