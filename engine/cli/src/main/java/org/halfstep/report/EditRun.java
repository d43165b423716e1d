package org.halfstep.report;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.halfstep.data.RandomMask;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.CaptionMeter;
import org.halfstep.sample.Edit;
import org.halfstep.sample.SampleRequest;

/**
 * Changes held-out pictures and measures what became of them: whole pictures under the caption of
 * the next one, and parts of pictures under their own. Noise and masks of picture k are the same
 * for every model.
 */
final class EditRun {
  private static final int TOGETHER = 16;
  private static final double WHOLE_RANGE = 255;

  private final PicturePlan plan;
  private final OrderedPictures heldOut;
  private final RememberedScorer scorer;
  private final PictureScale scale;
  private final PictureResults results;
  private final Origin origin;
  private final Consumer<String> out;
  private final BooleanSupplier stop;

  EditRun(
      PicturePlan plan,
      OrderedPictures heldOut,
      RememberedScorer scorer,
      PictureScale scale,
      PictureResults results,
      Origin origin,
      Consumer<String> out,
      BooleanSupplier stop) {
    this.plan = plan;
    this.heldOut = heldOut;
    this.scorer = scorer;
    this.scale = scale;
    this.results = results;
    this.origin = origin;
    this.out = out;
    this.stop = stop;
  }

  /** Sums of squares of changes. */
  private static final class Changes {
    private double inside;
    private double outside;
    private long insideValues;
    private long outsideValues;

    /**
     * @param painted what was to change; null for everything
     */
    void add(ImageBatch before, ImageBatch after, boolean... painted) {
      int channels = before.channels();
      for (int i = 0; i < before.pixels().length; i++) {
        double change = (after.pixels()[i] & 0xff) - (before.pixels()[i] & 0xff);
        if (painted == null || painted[i / channels]) {
          inside += change * change;
          insideValues++;
        } else {
          outside += change * change;
          outsideValues++;
        }
      }
    }

    double inside() {
      return insideValues == 0 ? 0 : Math.sqrt(inside / insideValues) / WHOLE_RANGE;
    }

    Double outside() {
      return outsideValues == 0 ? null : Math.sqrt(outside / outsideValues) / WHOLE_RANGE;
    }
  }

  /**
   * Edits by models of whole pictures, and inpainting by these and by those made for it.
   *
   * @param models teachers and students
   * @param inpainting networks of nine channels
   * @return false when it was asked to stop
   */
  boolean run(List<ReportedLatent> models, List<ReportedLatent> inpainting) throws IOException {
    if (plan.edits() == 0) {
      return true;
    }
    for (double strength : plan.strengths()) {
      for (ReportedLatent model : models) {
        int steps = model.steps(plan.editSteps());
        boolean begins =
            model.isTeacher() ? (int) (steps * strength) > 0 : Math.rint(steps * strength) > 0;
        if (begins && !edit(model, steps, strength)) {
          return false;
        }
      }
    }
    List<ReportedLatent> painters = new ArrayList<>(inpainting);
    models.stream().filter(ReportedLatent::isTeacher).forEach(painters::add);
    for (ReportedLatent model : painters) {
      if (!inpaint(model, model.steps(plan.editSteps()))) {
        return false;
      }
    }
    return true;
  }

  private boolean isKnown(ReportedLatent model, boolean masked, int steps, double strength) {
    return results.edits().stream()
        .anyMatch(
            one ->
                one.masked() == masked
                    && one.weights().equals(model.weights())
                    && one.steps() == steps
                    && one.guidance() == model.nearest(plan.editGuidance())
                    && one.strength() == strength
                    && one.pictures() == plan.edits()
                    && one.seed() == plan.seeds().getFirst()
                    && one.scale().equals(scale));
  }

  private List<String> captions(int first) {
    return IntStream.range(0, plan.edits()).mapToObj(i -> heldOut.caption(first + i)).toList();
  }

  private SampleRequest request(ReportedLatent model, List<String> captions, int steps, int first) {
    return model.request(
        captions, steps, model.nearest(plan.editGuidance()), plan.seeds().getFirst(), first);
  }

  private boolean edit(ReportedLatent model, int steps, double strength) throws IOException {
    if (isKnown(model, false, steps, strength)) {
      return true;
    }
    List<String> wanted = captions(1);
    CaptionMeter meter = new CaptionMeter(scorer, wanted);
    Changes changes = new Changes();
    long evaluations = 0;
    for (int done = 0; done < plan.edits(); ) {
      if (stop.getAsBoolean()) {
        return false;
      }
      int some = Math.min(TOGETHER, plan.edits() - done);
      ImageBatch before = heldOut.batch(done, some);
      SampleRequest request =
          request(model, wanted.subList(done, done + some), steps, done)
              .withEdit(Edit.of(before, strength));
      evaluations = model.model().evaluations(request);
      ImageBatch after = model.model().sample(request);
      meter.add(after);
      changes.add(before, after, (boolean[]) null);
      done += some;
    }
    keep(model, false, steps, evaluations, strength, meter.score().cosine(), changes);
    return true;
  }

  private boolean inpaint(ReportedLatent model, int steps) throws IOException {
    if (isKnown(model, true, steps, 1)) {
      return true;
    }
    CaptionMeter meter = new CaptionMeter(scorer, captions(0));
    Changes changes = new Changes();
    long evaluations = 0;
    for (int i = 0; i < plan.edits(); i++) {
      if (stop.getAsBoolean()) {
        return false;
      }
      ImageBatch before = heldOut.batch(i, 1);
      boolean[] painted = part(i, before.height(), before.width());
      SampleRequest request =
          request(model, List.of(heldOut.caption(i)), steps, i)
              .withEdit(new Edit(before, 1, mask(before, painted), false, 0));
      evaluations = model.model().evaluations(request);
      ImageBatch after = model.model().sample(request);
      meter.add(after);
      changes.add(before, after, painted);
    }
    keep(model, true, steps, evaluations, 1, meter.score().cosine(), changes);
    return true;
  }

  /** The first mask of those of a picture that leaves something. */
  static boolean[] part(int picture, int height, int width) {
    for (long number = 0; ; number++) {
      boolean[] painted = RandomMask.draw(picture, number, height, width);
      for (boolean pixel : painted) {
        if (!pixel) {
          return painted;
        }
      }
    }
  }

  /** A mask as pictures have it: white is painted anew. */
  static ImageBatch mask(ImageBatch picture, boolean... painted) {
    byte[] pixels = new byte[painted.length];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (painted[i] ? 255 : 0);
    }
    return new ImageBatch(1, picture.height(), picture.width(), 1, pixels);
  }

  private void keep(
      ReportedLatent model,
      boolean masked,
      int steps,
      long evaluations,
      double strength,
      double cosine,
      Changes changes)
      throws IOException {
    results.add(
        new EditMeasurement(
            masked,
            model.name(),
            model.weights(),
            model.isTeacher(),
            steps,
            evaluations,
            model.nearest(plan.editGuidance()),
            strength,
            plan.seeds().getFirst(),
            plan.edits(),
            cosine,
            changes.inside(),
            changes.outside(),
            scale,
            PictureMeasurement.Made.now(origin)));
    out.accept(
        (masked ? "inpainting by " : "edits by ")
            + model.name()
            + (masked ? "" : " at strength " + Numbers.plain(strength))
            + ": caption score "
            + Numbers.fixed(cosine, 3)
            + ", changed by "
            + Numbers.fixed(changes.inside(), 3));
  }
}
