package org.halfstep.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Every benchmark starts and its report can be read; how long anything takes is not looked at. */
class BenchmarksTest {
  private static final Benchmarks.Effort ONE_SHORT_ITERATION = new Benchmarks.Effort(0, 0, 1, 0.01);

  @TempDir Path folder;

  @Test
  void callsAndNetworksRun() throws Exception {
    Collection<RunResult> runs =
        Benchmarks.run(
            ONE_SHORT_ITERATION,
            List.of("CallBenchmark", "ForwardBenchmark", "TrainingBenchmark"),
            List.of("network=S x 1", "batch=1"),
            VerboseMode.SILENT);
    Path file = folder.resolve("reports/report.json");
    Report.of("test", runs).write(file);

    JsonNode report = new ObjectMapper().readTree(file.toFile());
    assertEquals(5, report.get("results").size());
    for (JsonNode result : report.get("results")) {
      assertTrue(result.get("median").asDouble() > 0, result.toString());
    }
    assertEquals(List.of("S x 1"), report.get("results").findValuesAsText("network"));
    assertTrue(report.get("versions").get("onednn").asText().startsWith("3."));
    assertTrue(report.get("machine").get("cores").asInt() >= 1);
  }
}
