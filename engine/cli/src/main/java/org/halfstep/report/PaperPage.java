package org.halfstep.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import org.halfstep.files.AtomicFile;
import org.halfstep.report.PaperRows.Row;

/**
 * The tables of Meng et al. (2023) for what was measured, as Markdown: quality by guidance
 * strength, students of both chains side by side, against the teacher at the same strength, with
 * what each costs there.
 */
final class PaperPage {
  static final String FILE = "paper.md";

  private static final int KID_SCALE = 1000;
  private static final int DECIMALS = 3;

  private final PaperRows rows;
  private final List<Timing> timings;
  private final Measurement first;
  private final long samples;
  private final StringBuilder text = new StringBuilder();

  /**
   * @param measurements all on one scale and of equally many images
   */
  PaperPage(List<Measurement> measurements, List<Timing> timings) {
    this.rows = new PaperRows(Series.of(measurements));
    this.timings = timings;
    this.first = measurements.getFirst();
    this.samples = first.quality().samples();
  }

  /** Draws the plots that the page shows. */
  void draw(Path folder, Map<String, String> entries) throws IOException {
    for (double w : rows.guidances()) {
      PaperPlots.evaluations(folder, rows, w, first.extractor(), entries);
    }
  }

  /** Writes the page. */
  void write(Path folder) throws IOException {
    line("# Tables of the paper");
    line("");
    line(
        "Meng et al. (2023), for "
            + first.reference()
            + ", "
            + first.referenceImages()
            + " images. "
            + samples
            + " images of each row, guidance strength w and seed; ± is the standard deviation over seeds. Features of "
            + first.extractor()
            + ": numbers of other extractors cannot be compared with these. KID x "
            + KID_SCALE
            + "; precision, recall and how everything was measured are in ["
            + Page.FILE
            + "]("
            + Page.FILE
            + "). D and S are the students of the deterministic and the stochastic sampler.");
    line("");
    quality("FID", one -> one.quality().fid());
    quality("IS", one -> one.quality().inceptionScore());
    quality("KID", one -> KID_SCALE * one.quality().kid());
    for (double w : rows.guidances()) {
      line("![FID against evaluations](" + PaperPlots.file(w) + ")");
      line("");
    }
    againstTeacher();
    if (!timings.isEmpty()) {
      cost();
    }
    ablations();
    AtomicFile.write(folder.resolve(FILE), text.toString().getBytes(StandardCharsets.UTF_8));
  }

  private void line(String line) {
    text.append(line).append('\n');
  }

  private void row(List<String> cells) {
    line("| " + String.join(" | ", cells) + " |");
  }

  private void header(String title, List<String> columns) {
    line("## " + title);
    line("");
    List<String> names = new ArrayList<>(List.of(""));
    names.addAll(columns);
    row(names);
    row(names.stream().map(_ -> "---").toList());
  }

  private List<String> strengths() {
    return rows.guidances().stream().map(w -> "w = " + Numbers.plain(w)).toList();
  }

  // ---- Quality

  private void quality(String title, ToDoubleFunction<Measurement> value) {
    header(title, strengths());
    for (int steps : rows.steps()) {
      Row deterministic = new Row(ModelKind.DETERMINISTIC, null, steps);
      Row stochastic = new Row(ModelKind.STOCHASTIC, null, steps);
      List<String> cells = new ArrayList<>(List.of(Series.steps(steps) + ", D / S"));
      for (double w : rows.guidances()) {
        cells.add(cell(deterministic, w, value) + " / " + cell(stochastic, w, value));
      }
      row(cells);
    }
    for (Row other : rows.others()) {
      List<String> cells = new ArrayList<>(List.of(other.label()));
      for (double w : rows.guidances()) {
        cells.add(cell(other, w, value));
      }
      row(cells);
    }
    line("");
  }

  private String cell(Row row, double w, ToDoubleFunction<Measurement> value) {
    return rows.find(row, w).map(one -> one.at(w, value).toString(DECIMALS)).orElse("–");
  }

  private void againstTeacher() {
    Optional<Row> teacher = rows.teacher();
    if (teacher.isEmpty()) {
      return;
    }
    header(
        "FID as a multiple of the teacher's with "
            + Series.steps(teacher.get().steps())
            + ", at the same w",
        strengths());
    for (Row other : rows.all()) {
      if (!other.equals(teacher.get())) {
        ratios(other, teacher.get());
      }
    }
    line("");
    line(
        "The mean over seeds, each against the teacher's same seed, with the least and the greatest.");
    line("");
  }

  private void ratios(Row row, Row base) {
    List<String> cells = new ArrayList<>(List.of(row.title()));
    for (double w : rows.guidances()) {
      cells.add(rows.ratio(row, base, w).map(PaperPage::interval).orElse("–"));
    }
    row(cells);
  }

  private static String interval(PaperRows.Ratio ratio) {
    String mean = Numbers.fixed(ratio.mean(), DECIMALS) + "x";
    return ratio.seeds() < 2
        ? mean
        : mean
            + " ("
            + Numbers.fixed(ratio.least(), DECIMALS)
            + " – "
            + Numbers.fixed(ratio.greatest(), DECIMALS)
            + ")";
  }

  // ---- Cost

  private void cost() {
    int batch = Stopwatch.BATCHES.getLast();
    header(
        "What an image costs, in batches of " + batch,
        List.of(
            "evaluations, w = 0",
            "w > 0",
            "ms, w = 0",
            "w > 0",
            "fewer evaluations than the teacher, w = 0",
            "w > 0",
            "times as fast, w = 0",
            "w > 0"));
    for (Row row : rows.all()) {
      Optional<Timing> free = timing(row, true);
      Optional<Timing> guided = timing(row, false);
      Optional<Timing> slowFree = rows.teacher().flatMap(base -> timing(base, true));
      Optional<Timing> slow = rows.teacher().flatMap(base -> timing(base, false));
      List<String> cells = new ArrayList<>(List.of(row.title()));
      cells.add(evaluations(free));
      cells.add(evaluations(guided));
      cells.add(free.map(one -> Numbers.decimal(one.milliseconds())).orElse("–"));
      cells.add(guided.map(one -> Numbers.decimal(one.milliseconds())).orElse("–"));
      cells.add(fewer(slowFree, free));
      cells.add(fewer(slow, guided));
      cells.add(speedup(slowFree, free));
      cells.add(speedup(slow, guided));
      row(cells);
    }
    line("");
    line(
        "Against the teacher at the same w: at w = 0 it costs one evaluation a step, above it two. Median of the rounds'"
            + " ratios, with the least and the greatest.");
    line("");
  }

  private Optional<Timing> timing(Row row, boolean unguided) {
    int batch = Stopwatch.BATCHES.getLast();
    // A network that takes w costs the same whatever it is.
    return rows.any(row)
        .flatMap(series -> Timing.find(timings, series, unguided && row.paysForGuidance(), batch));
  }

  private static String evaluations(Optional<Timing> timing) {
    return timing.map(one -> Long.toString(one.evaluations())).orElse("–");
  }

  private static String fewer(Optional<Timing> slow, Optional<Timing> quick) {
    return slow.isPresent() && quick.isPresent()
        ? Numbers.times((double) slow.get().evaluations() / quick.get().evaluations())
        : "–";
  }

  private static String speedup(Optional<Timing> slow, Optional<Timing> quick) {
    if (slow.isEmpty() || quick.isEmpty()) {
      return "–";
    }
    Speedup speedup = quick.get().over(slow.get());
    return quick.get().rounds().size() < 2 || slow.get() == quick.get()
        ? Numbers.times(speedup.median())
        : Numbers.times(speedup.median())
            + " ("
            + Numbers.times(speedup.least())
            + " – "
            + Numbers.times(speedup.greatest())
            + ")";
  }

  // ---- Ablations

  private void ablations() {
    List<Row> ablations =
        rows.others().stream()
            .filter(row -> row.kind() == ModelKind.SINGLE_W || row.kind() == ModelKind.NAIVE)
            .toList();
    if (ablations.isEmpty()) {
      return;
    }
    List<String> columns = new ArrayList<>(strengths());
    columns.add("the paper says");
    header(
        "Ablations: FID as a multiple of the student's of all w, D, with as many steps", columns);
    for (Row row : ablations) {
      Row main = new Row(ModelKind.DETERMINISTIC, null, row.steps());
      List<String> cells = new ArrayList<>(List.of(row.title()));
      for (double w : rows.guidances()) {
        cells.add(rows.ratio(row, main, w).map(PaperPage::interval).orElse("–"));
      }
      cells.add(
          row.kind() == ModelKind.SINGLE_W
              ? "comparable"
              : "fails at few steps, at twice the evaluations");
      row(cells);
    }
    line("");
  }
}
