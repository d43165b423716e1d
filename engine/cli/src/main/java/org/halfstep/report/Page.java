package org.halfstep.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.halfstep.files.AtomicFile;
import org.halfstep.image.PngFile;
import org.halfstep.metrics.Quality;
import org.halfstep.metrics.ReferenceImages;

/** A report as Markdown, from nothing but what was measured. */
final class Page {
  static final String FILE = "report.md";

  private static final int KID_SCALE = 1000;
  private static final int DECIMALS = 3;

  private final List<Measurement> measurements;
  private final List<Timing> timings;
  private final Origin origin;
  private final boolean withTargets;
  private final StringBuilder text = new StringBuilder();

  /**
   * @param measurements all on one scale: one extractor, one reference
   * @param withTargets whether to compare with what distillation should reach
   */
  Page(List<Measurement> measurements, List<Timing> timings, Origin origin, boolean withTargets) {
    this.measurements = measurements;
    this.timings = timings;
    this.origin = origin;
    this.withTargets = withTargets;
  }

  /** Writes the page. Its plots are drawn by {@link #draw}. */
  void write(Path folder) throws IOException {
    line("# Quality and time of diffusion models");
    line("");
    if (!measurements.isEmpty()) {
      // Plots and targets compare the teacher with students: at its number of images.
      TreeMap<Long, List<Measurement>> byCount = byCount();
      long compared = compared();
      List<Series> series = Series.of(byCount.get(compared));
      summary(series, compared);
      if (withTargets) {
        targets(series, compared);
      }
      byCount.forEach((count, all) -> all(Series.of(all), count));
    }
    if (!timings.isEmpty()) {
      times();
    }
    if (Files.exists(folder.resolve(SampleGrid.FILE))) {
      line("## Samples");
      line("");
      line("![Images of every model from the same noise](" + SampleGrid.FILE + ")");
      line("");
      line(
          "From the same noise and labels, one column per class. From top to bottom, "
              + PngFile.text(folder.resolve(SampleGrid.FILE)).get(SampleGrid.ROWS_TEXT)
              + ".");
      line("");
    }
    how();
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(folder.resolve(FILE), bytes);
  }

  private void line(String line) {
    text.append(line).append('\n');
  }

  private void row(List<String> cells) {
    line("| " + String.join(" | ", cells) + " |");
  }

  private void header(List<String> cells) {
    row(cells);
    row(cells.stream().map(_ -> "---").toList());
  }

  private String extractor() {
    return measurements.getFirst().extractor();
  }

  /** The measurements of as many images as teacher and students have in common. */
  List<Measurement> comparable() {
    return byCount().get(compared());
  }

  /** What a plot's file says of itself. */
  Map<String, String> metadata(String title) {
    Map<String, String> entries = new TreeMap<>();
    entries.put("Title", title);
    entries.put("Software", "Halfstep " + origin.version());
    entries.put("Command", origin.command());
    if (!measurements.isEmpty()) {
      entries.put("Extractor", extractor() + " " + measurements.getFirst().extractorSha256());
      entries.put("Reference", measurements.getFirst().reference());
    }
    return entries;
  }

  /** Draws the plots that the page shows. */
  void draw(Path folder) throws IOException {
    if (!measurements.isEmpty()) {
      List<Series> series = Series.of(byCount().get(compared()));
      Map<String, String> entries = metadata(compared() + " images of each");
      Plots.fid(folder, series, extractor(), entries);
      Plots.inceptionScore(folder, series, extractor(), entries);
      Plots.tradeOff(folder, series, extractor(), entries);
      if (!timings.isEmpty()) {
        Plots.cost(folder, series, timings, extractor(), entries);
      }
    }
    if (!timings.isEmpty()) {
      Plots.time(folder, timings, metadata("time per image"));
    }
  }

  private TreeMap<Long, List<Measurement>> byCount() {
    return measurements.stream()
        .collect(
            Collectors.groupingBy(
                one -> one.quality().samples(), TreeMap::new, Collectors.toList()));
  }

  /** The number of images that a teacher and its students are compared on. */
  private long compared() {
    int most =
        measurements.stream()
            .filter(Measurement::teacher)
            .mapToInt(Measurement::steps)
            .max()
            .orElse(0);
    return measurements.stream()
        .filter(one -> one.teacher() && one.steps() == most)
        .mapToLong(one -> one.quality().samples())
        .max()
        .orElse(byCount().lastKey());
  }

  private void summary(List<Series> series, long samples) {
    int batch = Stopwatch.BATCHES.getLast();
    line("## Each model at its best guidance strength");
    line("");
    List<String> names =
        new ArrayList<>(
            List.of(
                "model",
                "steps",
                "network evaluations",
                "ms per image",
                "fewer steps",
                "fewer evaluations",
                "measured speedup",
                "w"));
    names.addAll(qualityColumns());
    header(names);
    Optional<Series> base = series.stream().filter(Series::teacher).findFirst();
    for (Series one : series) {
      double w = one.bestGuidance();
      Optional<Timing> own = Timing.at(timings, one, w, batch);
      Optional<Timing> slow = base.flatMap(first -> Timing.at(timings, first, w, batch));
      List<String> cells = new ArrayList<>();
      cells.add(one.title());
      cells.add(Integer.toString(one.steps()));
      cells.add(own.map(timing -> Long.toString(timing.evaluations())).orElse("–"));
      cells.add(own.map(timing -> Numbers.decimal(timing.milliseconds())).orElse("–"));
      cells.add(base.map(first -> Numbers.times((double) first.steps() / one.steps())).orElse("–"));
      cells.add(fewerEvaluations(slow, own));
      cells.add(speedup(slow, own));
      cells.add(Numbers.plain(w));
      cells.addAll(quality(one, w));
      row(cells);
    }
    line("");
    line(
        samples
            + " images of each model and seed; ± is the standard deviation over seeds. Best is the w of least FID among those"
            + " measured. "
            + (timings.stream().anyMatch(Timing::unguided)
                ? "Evaluations and time per image are those of this w, in batches of "
                    + batch
                    + ", and so are the teacher's that they are compared with: it evaluates its network once per step at"
                    + " w = 0 and twice above, a student once whatever w is."
                : "Evaluations and time per image are those of a guided sample (w > 0) in batches of "
                    + batch
                    + ": a teacher evaluates its network twice per step then, a student once whatever w is."));
    sweep(series);
    line("");
    plot("FID against steps", Plots.FID);
    plot("Inception Score against steps", Plots.INCEPTION_SCORE);
    plot("Inception Score against FID", Plots.TRADE_OFF);
    if (!timings.isEmpty()) {
      plot("FID against time per image", Plots.COST);
    }
  }

  /** Says where a teacher's best guidance strength was found at fewer steps. */
  private void sweep(List<Series> series) {
    List<Series> teachers = series.stream().filter(Series::teacher).toList();
    for (Series full : teachers) {
      teachers.stream()
          .filter(one -> one.model().equals(full.model()) && one.steps() < full.steps())
          .filter(one -> one.sampler() == null && full.sampler() == null)
          .filter(one -> one.byGuidance().size() > full.byGuidance().size())
          .findFirst()
          .ifPresent(
              one ->
                  line(
                      full.model()
                          + " was measured with "
                          + full.steps()
                          + " steps at the w that was best with "
                          + one.steps()
                          + " steps, among "
                          + one.byGuidance().keySet().stream()
                              .map(Numbers::plain)
                              .collect(Collectors.joining(", "))
                          + "."));
    }
  }

  private void plot(String title, String file) {
    line("![" + title + "](" + file + ")");
    line("");
  }

  private static String fewerEvaluations(Optional<Timing> slow, Optional<Timing> own) {
    return slow.isPresent() && own.isPresent()
        ? Numbers.times((double) slow.get().evaluations() / own.get().evaluations())
        : "–";
  }

  /** The median over rounds, with the least and the greatest where there were several. */
  private static String speedup(Optional<Timing> slow, Optional<Timing> own) {
    if (slow.isEmpty() || own.isEmpty()) {
      return "–";
    }
    Speedup speedup = own.get().over(slow.get());
    String median = Numbers.times(speedup.median());
    String interval =
        own.get().rounds().size() < 2 || own.get() == slow.get()
            ? ""
            : " ("
                + Numbers.times(speedup.least())
                + " – "
                + Numbers.times(speedup.greatest())
                + ")";
    return median
        + interval
        + (own.get().verdict(slow.get()) == Speedup.Verdict.NOT_QUIET ? ", machine not quiet" : "");
  }

  private List<String> qualityColumns() {
    String extractor = extractor();
    return List.of(
        "FID (" + extractor + ")",
        "IS (" + extractor + ")",
        "KID x " + KID_SCALE,
        "precision",
        "recall",
        "seeds");
  }

  private static List<String> quality(Series series, double w) {
    return List.of(
        series.fid(w).toString(DECIMALS),
        series.inceptionScore(w).toString(DECIMALS),
        series.at(w, one -> KID_SCALE * one.quality().kid()).toString(2),
        series.at(w, one -> one.quality().precision()).toString(DECIMALS),
        series.at(w, one -> one.quality().recall()).toString(DECIMALS),
        series.byGuidance().get(w).stream()
            .map(one -> Long.toString(one.seed()))
            .sorted()
            .collect(Collectors.joining(", ")));
  }

  private void targets(List<Series> series, long samples) {
    line("## Targets");
    line("");
    Targets.check(series, timings).forEach(check -> line("- " + check));
    TreeSet<Double> taken = new TreeSet<>();
    series.stream()
        .filter(one -> !one.teacher())
        .forEach(one -> taken.addAll(one.byGuidance().keySet()));
    line("");
    line(
        "Each model at its best w; students took w = "
            + taken.stream().map(Numbers::plain).collect(Collectors.joining(", "))
            + " as an input of one network each. "
            + samples
            + " images, "
            + measurements.getFirst().referenceImages()
            + " reference images"
            + (samples < 10_000
                ? ": fewer than the 10,000 the targets are set for, which raises every FID; KID, beside it, is unbiased."
                : "."));
    line("");
  }

  private void all(List<Series> series, long samples) {
    line("## All guidance strengths, " + samples + " images");
    line("");
    List<String> names = new ArrayList<>(List.of("model", "steps", "w"));
    names.addAll(qualityColumns());
    header(names);
    for (Series one : series) {
      for (double w : one.byGuidance().keySet()) {
        List<String> cells =
            new ArrayList<>(List.of(one.title(), Integer.toString(one.steps()), Numbers.plain(w)));
        cells.addAll(quality(one, w));
        row(cells);
      }
    }
    line("");
  }

  private void times() {
    line("## Time per image");
    line("");
    // Results of earlier builds have no percentiles.
    boolean percentiles = timings.stream().anyMatch(one -> one.p90() != null);
    List<String> names =
        new ArrayList<>(
            List.of("model", "steps", "network evaluations", "batch", "ms per image", "least"));
    if (percentiles) {
      names.addAll(List.of("p90", "p99"));
    }
    names.add("runs");
    header(names);
    for (Timing one : timings) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  Series.title(one.model(), one.int8())
                      + Series.by(one.sampler())
                      + (one.unguided() ? ", w = 0" : ""),
                  Integer.toString(one.steps()),
                  Long.toString(one.evaluations()),
                  Integer.toString(one.batch()),
                  Numbers.decimal(one.milliseconds()),
                  Numbers.decimal(one.least())));
      if (percentiles) {
        cells.addAll(List.of(orDash(one.p90()), orDash(one.p99())));
      }
      cells.add(Integer.toString(one.runs()));
      row(cells);
    }
    Timing first = timings.getFirst();
    line("");
    line(
        "From request to pixels; median"
            + (percentiles
                ? ", least, and what 90 % and 99 % of the runs do not exceed"
                : " and least")
            + ", models in turns, on "
            + first.device()
            + ", "
            + first.machine()
            + ", "
            + first.date()
            + (first.loadBefore() == null || first.loadAfter() == null
                ? ""
                : "; load of the machine "
                    + Numbers.decimal(first.loadBefore())
                    + " before, "
                    + Numbers.decimal(first.loadAfter())
                    + " after")
            + ". Errors by JMH, of processes of their own, come from `make bench-long`.");
    line("");
    plot("Time per image against steps", Plots.TIME);
  }

  private static String orDash(Double value) {
    return value == null ? "–" : Numbers.decimal(value);
  }

  private void how() {
    line("## How it was measured");
    line("");
    if (!measurements.isEmpty()) {
      Measurement first = measurements.getFirst();
      line("- Reference: " + first.reference() + ", " + first.referenceImages() + " images.");
      line(
          "- Extractor: "
              + first.extractor()
              + ", SHA-256 `"
              + first.extractorSha256()
              + "`. Numbers of other extractors cannot be compared with these.");
      line(
          "- FID over all images. IS: mean over "
              + Quality.SPLITS
              + " splits. KID: mean over "
              + Quality.KID_SUBSETS
              + " random subsets of "
              + Quality.KID_SUBSET
              + " (all where there are fewer). Precision and recall: 3 nearest neighbours, the first "
              + ReferenceImages.ROWS
              + " images of each set at most.");
      line(
          "- Images 0 to N - 1 of each seed, the classes in turn; image k of a seed starts from the same noise in every"
              + " model.");
      line(
          "- Images by: "
              + measurements.stream()
                  .map(one -> one.device() + ", " + one.machine() + ", Halfstep " + one.version())
                  .distinct()
                  .collect(Collectors.joining("; "))
              + ", "
              + measurements.stream().map(Measurement::date).min(String::compareTo).orElseThrow()
              + " to "
              + measurements.stream().map(Measurement::date).max(String::compareTo).orElseThrow()
              + ".");
      line("- Weights, SHA-256 of the parameters in memory:");
      measurements.stream()
          .map(one -> "  - " + one.model() + " `" + one.weights() + "`")
          .distinct()
          .forEach(this::line);
    }
    Set<String> commands = new LinkedHashSet<>();
    timings.forEach(one -> commands.add(one.command()));
    measurements.forEach(one -> commands.add(one.command()));
    commands.add(origin.command());
    // Results of earlier builds do not name theirs.
    commands.remove(null);
    commands.forEach(command -> line("- Command: `" + command + "`"));
    line("- Every single number, with its seed and date: `" + Report.RESULTS + "`.");
  }
}
