package org.halfstep.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Every benchmark starts and its report can be read; how long anything takes is not looked at. */
class BenchmarksTest {
  private static final Benchmarks.Effort ONE_SHORT_ITERATION =
      new Benchmarks.Effort(0, 0, 1, 0.01, 1);

  @TempDir Path folder;

  @Test
  void callsAndNetworksRun() throws Exception {
    Collection<RunResult> runs =
        Benchmarks.run(
            ONE_SHORT_ITERATION,
            new CommandLineOptions(),
            List.of(
                "CallBenchmark",
                "ForwardBenchmark",
                "TrainingBenchmark",
                "StudentBenchmark",
                "TeacherBenchmark"),
            List.of("network=S x 1", "batch=1", "model=fashion-mnist-1", "steps=2"),
            VerboseMode.SILENT);
    Path file = folder.resolve("reports/report.json");
    Report.of("test", runs, List.of()).write(file);

    JsonNode report = new ObjectMapper().readTree(file.toFile());
    assertEquals(9, report.get("results").size());
    for (JsonNode result : report.get("results")) {
      assertTrue(result.get("median").asDouble() > 0, result.toString());
    }
    assertTrue(
        report.get("results").findValues("error").stream().anyMatch(JsonNode::isNull),
        "a single run has no error");
    assertEquals(List.of("S x 1"), report.get("results").findValuesAsText("network"));
    assertTrue(report.get("versions").get("onednn").asText().startsWith("3."));
    assertTrue(report.get("machine").get("cores").asInt() >= 1);
  }

  @Test
  void optionsOfJmhWin() throws Exception {
    Collection<RunResult> runs =
        Benchmarks.run(
            ONE_SHORT_ITERATION,
            new CommandLineOptions("-i", "3"),
            List.of("CallBenchmark"),
            List.of(),
            VerboseMode.SILENT);
    for (RunResult run : runs) {
      assertEquals(3, run.getParams().getMeasurement().getCount());
    }
  }

  @Test
  void requestsOneAfterTheOther() throws Exception {
    Latency latency = Latency.of("fashion-mnist-2", 0, 5);
    assertEquals(2, latency.steps());
    assertEquals(5, latency.requests());
    assertTrue(latency.p50() > 0, latency.toString());
    assertTrue(latency.p50() <= latency.p99(), latency.toString());
    assertTrue(latency.p99() <= latency.greatest(), latency.toString());
  }

  @Test
  void headlineComparesWithTheTeacherOfTheSameBatch() {
    Report report =
        new Report(
            "",
            "",
            Map.of(),
            Map.of(),
            List.of(
                entry("TeacherBenchmark.sample", Map.of("steps", "256", "batch", "16"), 16_000),
                entry("TeacherBenchmark.sample", Map.of("steps", "64", "batch", "16"), 4_100),
                entry(
                    "StudentBenchmark.sample",
                    Map.of("model", "fashion-mnist-4-int8", "batch", "16"),
                    100),
                entry(
                    "StudentBenchmark.sample",
                    Map.of("model", "fashion-mnist-4", "batch", "1"),
                    10)),
            List.of());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Headline.print(report, new PrintStream(out, true, StandardCharsets.UTF_8));
    List<String> lines =
        out.toString(StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank()).toList();
    assertEquals(4, lines.size(), lines.toString());
    // 512 evaluations against 4, and medians of 16000 ms against 100.
    assertTrue(
        lines
            .getLast()
            .matches("fashion-mnist-4-int8 +4 +7.250 ± 0.500 +6.250 +128.0x +160.0x +1.25"),
        lines.getLast());
  }

  private static Report.Entry entry(String name, Map<String, String> parameters, double median) {
    return new Report.Entry(
        name, parameters, "ms/op", median + 16, 8.0, median, median, median + 32, 2);
  }
}
