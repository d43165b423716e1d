package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.halfstep.metrics.CaptionScorer;
import org.halfstep.metrics.Quality;
import org.halfstep.metrics.ReferenceImages;

/**
 * A page of evidence of models of texts in a folder: {@value PicturePage#FILE}, plots, grids of
 * pictures, and {@value #RESULTS}, which keeps everything that was measured, so that a report that
 * was stopped goes on, and one that is done can be drawn again.
 */
public final class PictureReport implements AutoCloseable {
  /** Name of the file of all numbers. */
  public static final String RESULTS = "results.json";

  private final ReportFolder<PictureResults> taken;
  private final Path folder;
  private final PictureResults results;
  private final Origin origin;
  private final Consumer<String> out;

  /**
   * A report in a folder, with what was measured there before.
   *
   * @param out told what happens, a line at a time
   * @throws IOException in one line, when the folder's results are damaged, or another report has
   *     the folder
   */
  public PictureReport(Path folder, Origin origin, Consumer<String> out) throws IOException {
    this.taken = ReportFolder.take(folder, RESULTS, PictureResults::new);
    this.folder = folder;
    this.results = taken.results();
    this.origin = origin;
    this.out = out;
  }

  /**
   * Measures models, as far as they were not yet, and draws the grids.
   *
   * @param models teachers and students, open
   * @param inpainting networks that paint parts of pictures, open
   * @param heldOut whose captions are asked for
   * @param training what the models learned from
   * @param stop asked between batches of pictures; true ends it, and what was measured is kept
   * @return whether all is measured
   * @throws IllegalArgumentException when there are too few pictures to compare with
   */
  public boolean measure(
      PicturePlan plan,
      List<ReportedLatent> models,
      List<ReportedLatent> inpainting,
      OrderedPictures heldOut,
      OrderedPictures training,
      CaptionScorer scorer,
      BooleanSupplier stop)
      throws IOException {
    int references = Math.min(heldOut.epoch(), training.epoch());
    if (references < Quality.LEAST_SAMPLES) {
      throw new IllegalArgumentException(
          "there are "
              + heldOut.epoch()
              + " held-out and "
              + training.epoch()
              + " training pictures by their weights; metrics need at least "
              + Quality.LEAST_SAMPLES
              + " of each");
    }
    out.accept("looking at " + references + " held-out and as many training pictures");
    ReferenceImages near = heldOut.reference(scorer, references);
    ReferenceImages far = training.reference(scorer, references);
    PictureScale scale = PictureScale.of(near, far, scorer);
    try (RememberedScorer remembered = new RememberedScorer(scorer)) {
      return new PictureRun(heldOut, near, far, remembered, scale, results, origin, out, stop)
              .run(plan.items(models))
          && new EditRun(plan, heldOut, remembered, scale, results, origin, out, stop)
              .run(models, inpainting)
          && new NearestRun(plan, heldOut, training, scorer, scale, results, origin, out, stop)
              .run(folder, models)
          && draw(plan, models, inpainting, heldOut, stop);
    }
  }

  private boolean draw(
      PicturePlan plan,
      List<ReportedLatent> models,
      List<ReportedLatent> inpainting,
      OrderedPictures heldOut,
      BooleanSupplier stop)
      throws IOException {
    if (stop.getAsBoolean()) {
      return false;
    }
    new PictureGrids(plan, heldOut, origin, folder).draw(models, inpainting);
    return true;
  }

  /**
   * Writes the page and its plots from what was measured.
   *
   * @return the page
   * @throws IllegalArgumentException when nothing was
   */
  public Path draw() throws IOException {
    List<PictureMeasurement> all = results.pictures();
    if (all.isEmpty()) {
      throw new IllegalArgumentException(
          folder.resolve(RESULTS) + ": nothing was measured yet; run the report without --redraw");
    }
    PictureScale scale = all.getLast().scale();
    Map<String, String> newest = new HashMap<>();
    all.forEach(one -> newest.put(one.model(), one.weights()));
    results.edits().forEach(one -> newest.put(one.model(), one.weights()));
    List<EditMeasurement> edits =
        results.edits().stream()
            .filter(one -> one.scale().equals(scale))
            .filter(one -> one.weights().equals(newest.get(one.model())))
            .toList();
    PicturePage page =
        new PicturePage(
            all.stream()
                .filter(one -> one.scale().equals(scale))
                .filter(one -> one.weights().equals(newest.get(one.model())))
                .toList(),
            edits,
            results.nearest().stream()
                .filter(one -> one.scale().equals(scale))
                .filter(one -> one.weights().equals(newest.get(one.model())))
                .toList(),
            origin,
            folder);
    try {
      PicturePlots.draw(
          folder,
          page.compared(),
          edits.stream().filter(one -> !one.masked()).toList(),
          Map.of("Software", "Halfstep " + origin.version(), "Command", origin.command()));
    } catch (InternalError | LinkageError noFonts) {
      // What Java's fonts end in where the system has none: no reason to lose the page.
      out.accept(
          "the plots could not be drawn ("
              + noFonts.getMessage()
              + "): install fontconfig and a font, then run the report with --redraw");
    }
    page.write();
    return folder.resolve(PicturePage.FILE);
  }

  /** Lets others use the folder. */
  @Override
  public void close() {
    taken.close();
  }
}
