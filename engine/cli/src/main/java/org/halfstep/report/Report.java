package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.ReferenceImages;

/**
 * A page of evidence in a folder: {@value Page#FILE}, plots, a grid of samples, and {@value
 * #RESULTS}, which keeps everything that was measured, so that a report that was stopped goes on,
 * and one that is done can be drawn again.
 */
public final class Report implements AutoCloseable {
  /** Name of the file of all numbers. */
  public static final String RESULTS = "results.json";

  private final ReportFolder<Results> taken;
  private final Path folder;
  private final Results results;
  private final Origin origin;
  private final Consumer<String> out;

  /**
   * A report in a folder, with what was measured there before.
   *
   * @param out told what happens, a line at a time
   * @throws IOException in one line, when the folder's results are damaged, or another report has
   *     the folder: each would write over what the other measured
   */
  public Report(Path folder, Origin origin, Consumer<String> out) throws IOException {
    this.taken = ReportFolder.take(folder, RESULTS, Results::new);
    this.folder = folder;
    this.results = taken.results();
    this.origin = origin;
    this.out = out;
  }

  /**
   * Measures the quality of models, as far as it was not yet.
   *
   * @param models teachers and students, open
   * @param stop asked between batches of images; true ends it, and what was measured is kept
   * @return whether all is measured
   */
  public boolean measure(
      ReportPlan plan,
      List<ReportedModel> models,
      FeatureExtractor extractor,
      ReferenceImages reference,
      BooleanSupplier stop)
      throws IOException {
    return new ReportRun(plan, models, extractor, reference, results, origin, out, stop).run();
  }

  /**
   * Times models side by side, unless all were timed on this device before.
   *
   * @param rounds turns of each model
   * @param again whether to time them even so
   * @return whether all are timed
   */
  public boolean time(
      ReportPlan plan, List<ReportedModel> models, int rounds, boolean again, BooleanSupplier stop)
      throws IOException {
    List<ReportPlan.Timed> timed = plan.timed(models);
    if (!again && Stopwatch.cover(results.timings(), timed, origin)) {
      return true;
    }
    List<Timing> made = Stopwatch.time(timed, rounds, origin, out, stop);
    if (made.isEmpty()) {
      return false;
    }
    results.replaceTimings(made);
    return true;
  }

  /** Writes the grid of samples. */
  public void drawSamples(ReportPlan plan, List<ReportedModel> models) throws IOException {
    SampleGrid.write(
        folder, models, plan.teacherSteps(), Map.of("Software", "Halfstep " + origin.version()));
  }

  /**
   * Writes the page and its plots from what was measured.
   *
   * @param targets whether the page compares with what distillation should reach
   * @return the page
   * @throws IllegalArgumentException when nothing was
   */
  public Path draw(boolean targets) throws IOException {
    if (results.measurements().isEmpty() && results.timings().isEmpty()) {
      throw new IllegalArgumentException(
          folder.resolve(RESULTS) + ": nothing was measured yet; run the report without --redraw");
    }
    Page page = new Page(current(), results.timings(), origin, targets);
    page.write(folder);
    drawn(() -> page.draw(folder));
    return folder.resolve(Page.FILE);
  }

  /**
   * Writes the paper's tables from what was measured, beside the page: of as many images as teacher
   * and students have in common, and their plots.
   *
   * @return the page of tables
   * @throws IllegalArgumentException when there was no quality measured
   */
  public Path drawPaper() throws IOException {
    if (results.measurements().isEmpty()) {
      throw new IllegalArgumentException(
          folder.resolve(RESULTS)
              + ": no quality was measured yet; run the report without --redraw");
    }
    Page page = new Page(current(), results.timings(), origin, false);
    PaperPage paper = new PaperPage(page.comparable(), results.timings());
    paper.write(folder);
    drawn(() -> paper.draw(folder, page.metadata("the paper's tables")));
    return folder.resolve(PaperPage.FILE);
  }

  @FunctionalInterface
  private interface Drawing {
    void run() throws IOException;
  }

  private void drawn(Drawing plots) throws IOException {
    try {
      plots.run();
    } catch (InternalError | LinkageError noFonts) {
      // What Java's fonts end in where the system has none: no reason to lose the page.
      out.accept(
          "the plots could not be drawn ("
              + noFonts.getMessage()
              + "): install fontconfig and a font, then run the report with --redraw");
    }
  }

  /** Lets others use the folder. */
  @Override
  public void close() {
    taken.close();
  }

  /** The newest scale's measurements of the newest weights under each model's name. */
  private List<Measurement> current() {
    List<Measurement> all = results.measurements();
    if (all.isEmpty()) {
      return all;
    }
    Measurement last = all.getLast();
    Map<String, String> weights = new HashMap<>();
    all.forEach(one -> weights.put(one.model(), one.weights()));
    return all.stream()
        .filter(
            one ->
                one.weights().equals(weights.get(one.model()))
                    && one.reference().equals(last.reference())
                    && one.extractorSha256().equals(last.extractorSha256()))
        .toList();
  }
}
