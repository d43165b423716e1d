package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.option.Settings;
import org.halfstep.files.AtomicFile;
import org.halfstep.report.TimeSummary;

/**
 * What {@code bench} measured of one batch.
 *
 * @param precision of the network
 * @param nanoseconds of one run
 * @param slabBytes memory of the plan
 * @param flops floating-point operations of a run, in the direct form
 * @param evaluations network evaluations of an image; 1 in training
 */
record BenchRow(
    int batch,
    boolean training,
    String precision,
    TimeSummary nanoseconds,
    long slabBytes,
    long flops,
    long evaluations) {

  private static final String HEADER =
      "batch,training,precision,runs,median_ms,min_ms,p90_ms,p99_ms,ms_per_image,slab_bytes,gflops";

  /** Writes rows with what it takes to repeat them, as JSON, or the rows alone as CSV. */
  static void write(
      Path file, List<BenchRow> rows, String model, String device, double load, String command)
      throws IOException {
    String text =
        file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".csv")
            ? csv(rows)
            : json(rows, model, device, load, command);
    AtomicFile.write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  private static String csv(List<BenchRow> rows) {
    return rows.stream().map(BenchRow::line).collect(Collectors.joining("", HEADER + "\n", ""));
  }

  private String line() {
    return String.format(
        Locale.ROOT,
        "%d,%b,%s,%d,%.6f,%.6f,%.6f,%.6f,%.6f,%d,%.3f\n",
        batch,
        training,
        precision,
        nanoseconds.runs(),
        nanoseconds.median() / 1e6,
        nanoseconds.least() / 1e6,
        nanoseconds.p90() / 1e6,
        nanoseconds.p99() / 1e6,
        perImage(),
        slabBytes,
        flops / nanoseconds.median());
  }

  private double perImage() {
    return nanoseconds.median() / 1e6 / batch * evaluations;
  }

  private static String json(
      List<BenchRow> rows, String model, String device, double load, String command)
      throws IOException {
    ObjectNode node = Settings.JSON.createObjectNode();
    node.put("halfstep", Halfstep.VERSION);
    node.put("command", command);
    node.put("time", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    node.put("machine", Machine.name());
    node.put("device", device);
    node.put("model", model);
    node.put("loadBefore", load);
    node.put("loadAfter", Machine.load());
    ArrayNode list = node.putArray("results");
    for (BenchRow row : rows) {
      ObjectNode one = list.addObject();
      one.put("batch", row.batch);
      one.put("training", row.training);
      one.put("precision", row.precision);
      one.put("runs", row.nanoseconds.runs());
      one.put("medianMilliseconds", row.nanoseconds.median() / 1e6);
      one.put("minMilliseconds", row.nanoseconds.least() / 1e6);
      one.put("p90Milliseconds", row.nanoseconds.p90() / 1e6);
      one.put("p99Milliseconds", row.nanoseconds.p99() / 1e6);
      one.put("millisecondsPerImage", row.perImage());
      one.put("slabBytes", row.slabBytes);
      one.put("gflops", row.flops / row.nanoseconds.median());
    }
    return Settings.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(node);
  }
}
