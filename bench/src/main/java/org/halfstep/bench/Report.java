package org.halfstep.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.cpu.OneDnnEngine;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.util.Statistics;

/**
 * What was measured, on what, with what.
 *
 * @param date UTC, to the second
 * @param command arguments of the run
 * @param machine processor, cores, threads and instruction set used
 * @param versions JDK, oneDNN, and the commit if the system property {@code halfstep.bench.commit}
 *     names it
 * @param results one per benchmark and parameters
 * @param latencies distributions of single requests
 */
record Report(
    String date,
    String command,
    Map<String, Object> machine,
    Map<String, String> versions,
    List<Entry> results,
    List<Latency> latencies) {

  /**
   * One benchmark with one choice of parameters.
   *
   * @param unit of the numbers, as in "ms/op"
   * @param error half the 99.9 % confidence interval of the mean, over all forks; null where there
   *     is none, as for a single run
   * @param samples times measured (calls, or iterations where a call is too short to be timed)
   */
  record Entry(
      String benchmark,
      Map<String, String> parameters,
      String unit,
      double mean,
      Double error,
      double median,
      double minimum,
      double maximum,
      long samples) {

    static Entry of(RunResult run) {
      Result<?> result = run.getPrimaryResult();
      Statistics statistics = result.getStatistics();
      Map<String, String> parameters = new LinkedHashMap<>();
      for (String key : run.getParams().getParamsKeys()) {
        parameters.put(key, run.getParams().getParam(key));
      }
      String name = run.getParams().getBenchmark();
      return new Entry(
          name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1),
          parameters,
          result.getScoreUnit(),
          result.getScore(),
          Double.isNaN(result.getScoreError()) ? null : result.getScoreError(),
          statistics.getPercentile(50),
          statistics.getMin(),
          statistics.getMax(),
          statistics.getN());
    }
  }

  static Report of(String command, Collection<RunResult> runs, List<Latency> latencies)
      throws IOException {
    Map<String, Object> machine = new LinkedHashMap<>();
    machine.put("processor", processor());
    machine.put("cores", Runtime.getRuntime().availableProcessors());
    machine.put("threads", Kernels.cpu().hs_thread_count());
    machine.put("instruction set", Kernels.cpu().hs_instruction_set());
    Map<String, String> versions = new LinkedHashMap<>();
    versions.put("jdk", Runtime.version().toString());
    versions.put("onednn", OneDnnEngine.version());
    versions.put("commit", System.getProperty("halfstep.bench.commit", "unknown"));
    List<Entry> entries = new ArrayList<>();
    runs.forEach(run -> entries.add(Entry.of(run)));
    return new Report(
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        command,
        machine,
        versions,
        entries,
        latencies);
  }

  void write(Path file) throws IOException {
    if (file.getParent() != null) {
      Files.createDirectories(file.getParent());
    }
    new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(file.toFile(), this);
  }

  private static String processor() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(System.getProperty("os.arch"));
    }
  }
}
