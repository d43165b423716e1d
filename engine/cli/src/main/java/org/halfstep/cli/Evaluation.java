package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.TextTable;
import org.halfstep.cli.option.Settings;
import org.halfstep.files.AtomicFile;
import org.halfstep.latent.ClipModel;
import org.halfstep.latent.JointEmbedding;
import org.halfstep.metrics.CaptionMeter;
import org.halfstep.metrics.ClipScore;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.Quality;

/** The numbers of an evaluation, as a table and as JSON. */
final class Evaluation {
  /**
   * One set of images.
   *
   * @param guidance strength w; NaN for images from a file
   * @param seed of the noise; 0 for images from a file
   * @param milliseconds to make one image; NaN for images from a file
   * @param agreement of the images with their captions; null for images without
   */
  record Row(
      double guidance, long seed, Quality quality, double milliseconds, Agreement agreement) {}

  /**
   * How well images agree with their captions.
   *
   * @param name what the score is called
   * @param prefix of its numbers in JSON
   * @param accuracy share of images whose caption was found
   * @param among so many
   */
  record Agreement(String name, String prefix, ClipScore score, double accuracy, int among) {
    static Agreement of(JointEmbedding model, CaptionMeter meter) {
      String prefix = model instanceof ClipModel ? "clip" : "caption";
      double accuracy = meter.retrieval().accuracy();
      return new Agreement(
          model.score(), prefix, meter.score(), accuracy, meter.retrieval().among());
    }

    String text() {
      return String.format(
          Locale.ROOT,
          "%s %.3f (mean cosine %.4f of %s images with their captions); the right caption among %d"
              + " is found for %.1f %%",
          name,
          score.score(),
          score.cosine(),
          Sizes.whole(score.pairs()),
          among,
          100 * accuracy);
    }
  }

  /** Mean and standard deviation over seeds. */
  record Average(double mean, double deviation) {
    static Average of(List<Row> rows, ToDoubleFunction<Quality> metric) {
      double mean =
          rows.stream().mapToDouble(row -> metric.applyAsDouble(row.quality())).sum() / rows.size();
      double squares =
          rows.stream()
              .mapToDouble(row -> Math.pow(metric.applyAsDouble(row.quality()) - mean, 2))
              .sum();
      return new Average(mean, Math.sqrt(squares / (rows.size() - 1)));
    }

    String text(String format) {
      return Double.isNaN(mean)
          ? "-"
          : String.format(Locale.ROOT, format + " ± " + format, mean, deviation);
    }
  }

  private static final Map<String, ToDoubleFunction<Quality>> METRICS = metrics();

  private final String distance;
  private final List<Row> rows = new ArrayList<>();

  Evaluation(FeatureExtractor extractor) {
    distance = "FID (" + extractor.name() + ")";
  }

  private static Map<String, ToDoubleFunction<Quality>> metrics() {
    Map<String, ToDoubleFunction<Quality>> metrics = new LinkedHashMap<>();
    metrics.put("fid", Quality::fid);
    metrics.put("inceptionScore", Quality::inceptionScore);
    metrics.put("kid", Quality::kid);
    metrics.put("precision", Quality::precision);
    metrics.put("recall", Quality::recall);
    return metrics;
  }

  void add(Row row) {
    rows.add(row);
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  void print(PrintWriter out) {
    TextTable table =
        new TextTable(
            "w", "seed", "images", distance, "IS", "KID", "precision", "recall", "ms/image");
    for (Row row : rows) {
      Quality q = row.quality();
      boolean made = !Double.isNaN(row.guidance());
      table.row(
          made ? Sizes.decimal(row.guidance()) : "-",
          made ? Long.toString(row.seed()) : "-",
          Sizes.whole(q.samples()),
          Sizes.decimal(q.fid()),
          Double.isNaN(q.inceptionScore())
              ? "-"
              : String.format(
                  Locale.ROOT, "%.3f ± %.3f", q.inceptionScore(), q.inceptionScoreDeviation()),
          number("%.5f", q.kid()),
          number("%.3f", q.precision()),
          number("%.3f", q.recall()),
          made ? Sizes.decimal(row.milliseconds()) : "-");
    }
    table.print(out);
    for (Row row : rows) {
      if (row.agreement() != null) {
        out.println(row.agreement().text());
      }
    }
    if (seeds().values().stream().anyMatch(some -> some.size() > 1)) {
      out.println();
      printOverSeeds(out);
    }
  }

  private static String number(String format, double value) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, format, value);
  }

  private Map<Double, List<Row>> seeds() {
    Map<Double, List<Row>> seeds = new LinkedHashMap<>();
    rows.forEach(row -> seeds.computeIfAbsent(row.guidance(), w -> new ArrayList<>()).add(row));
    return seeds;
  }

  private void printOverSeeds(PrintWriter out) {
    TextTable table = new TextTable("w", "seeds", distance, "IS", "KID", "precision", "recall");
    seeds()
        .forEach(
            (w, some) -> {
              if (some.size() > 1) {
                table.row(
                    Sizes.decimal(w),
                    Integer.toString(some.size()),
                    Average.of(some, Quality::fid).text("%.3f"),
                    Average.of(some, Quality::inceptionScore).text("%.3f"),
                    Average.of(some, Quality::kid).text("%.5f"),
                    Average.of(some, Quality::precision).text("%.3f"),
                    Average.of(some, Quality::recall).text("%.3f"));
              }
            });
    table.print(out);
  }

  /**
   * Writes the numbers behind what describes them.
   *
   * @param description of the samples, the reference, the extractor and the machine
   */
  void write(Path file, ObjectNode description) throws IOException {
    ObjectNode node = description.deepCopy();
    ArrayNode list = node.putArray("results");
    for (Row row : rows) {
      ObjectNode one = list.addObject();
      put(one, "guidance", row.guidance());
      if (!Double.isNaN(row.guidance())) {
        one.put("seed", row.seed());
      }
      one.put("images", row.quality().samples());
      METRICS.forEach((name, metric) -> put(one, name, metric.applyAsDouble(row.quality())));
      put(one, "inceptionScoreDeviation", row.quality().inceptionScoreDeviation());
      put(one, "kidDeviation", row.quality().kidDeviation());
      put(one, "millisecondsPerImage", row.milliseconds());
      if (row.agreement() != null) {
        String prefix = row.agreement().prefix();
        ClipScore score = row.agreement().score();
        put(one, prefix + "Score", score.score());
        put(one, prefix + "Cosine", score.cosine());
        put(one, prefix + "S", score.clipS());
        put(one, "retrieval", row.agreement().accuracy());
        one.put("retrievalAmong", row.agreement().among());
      }
    }
    ArrayNode averages = node.putArray("overSeeds");
    seeds()
        .forEach(
            (w, some) -> {
              if (some.size() > 1) {
                ObjectNode one = averages.addObject();
                put(one, "guidance", w);
                one.put("seeds", some.size());
                METRICS.forEach(
                    (name, metric) -> {
                      Average average = Average.of(some, metric);
                      put(one, name, average.mean());
                      put(one, name + "Deviation", average.deviation());
                    });
              }
            });
    byte[] bytes = Settings.JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(node);
    AtomicFile.write(file, bytes);
  }

  /** JSON has no NaN: what is not known is left out. */
  private static void put(ObjectNode node, String name, double value) {
    if (Double.isFinite(value)) {
      node.put(name, value);
    }
  }
}
