package org.halfstep.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.halfstep.sample.DiffusionModel;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs the JMH benchmarks and writes a report. Arguments: {@code short} or {@code long}, the
 * report's file, and patterns of benchmark names (all without one).
 */
public final class Benchmarks {
  /**
   * How much is measured.
   *
   * @param forks processes per benchmark
   * @param warmUps iterations before
   * @param iterations iterations that count
   * @param seconds length of an iteration
   */
  record Effort(int forks, int warmUps, int iterations, double seconds) {
    static final Effort SHORT = new Effort(1, 1, 2, 1);
    static final Effort LONG = new Effort(2, 2, 5, 4);
  }

  private Benchmarks() {}

  public static void main(String[] arguments) throws IOException, RunnerException {
    if (arguments.length < 2 || !List.of("short", "long").contains(arguments[0])) {
      throw new IllegalArgumentException("usage: Benchmarks short|long REPORT.json [PATTERN...]");
    }
    boolean quick = arguments[0].equals("short");
    List<String> patterns = new ArrayList<>(List.of(arguments).subList(2, arguments.length));
    if (patterns.isEmpty()) {
      patterns.addAll(List.of("CallBenchmark", "ForwardBenchmark", "TrainingBenchmark"));
      if (!DiffusionModel.bundledNames().isEmpty()) {
        patterns.add("SamplerBenchmark");
      }
    }
    Collection<RunResult> results =
        run(quick ? Effort.SHORT : Effort.LONG, patterns, List.of(), VerboseMode.NORMAL);
    Path report = Path.of(arguments[1]);
    Report.of(String.join(" ", arguments), results).write(report);
    System.out.println("report: " + report);
  }

  /**
   * @param effort no forks means "in this process"
   * @param patterns regular expressions of benchmark names
   * @param parameters "name=value" to override a benchmark's parameters
   * @param verbosity what JMH prints
   */
  static Collection<RunResult> run(
      Effort effort, List<String> patterns, List<String> parameters, VerboseMode verbosity)
      throws RunnerException {
    TimeValue length = TimeValue.milliseconds((long) (1000 * effort.seconds));
    OptionsBuilder options = new OptionsBuilder();
    patterns.forEach(options::include);
    options
        .forks(effort.forks)
        .warmupIterations(effort.warmUps)
        .measurementIterations(effort.iterations)
        .warmupTime(length)
        .measurementTime(length)
        .verbosity(verbosity)
        .shouldFailOnError(true)
        .shouldDoGC(false);
    for (String parameter : parameters) {
      int at = parameter.indexOf('=');
      options.param(parameter.substring(0, at), parameter.substring(at + 1).split(","));
    }
    return new Runner(options.build()).run();
  }
}
