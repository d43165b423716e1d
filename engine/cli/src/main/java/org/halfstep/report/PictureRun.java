package org.halfstep.report;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.CaptionMeter;
import org.halfstep.metrics.Quality;
import org.halfstep.metrics.QualityMeter;
import org.halfstep.metrics.ReferenceImages;
import org.halfstep.sample.SampleRequest;

/**
 * Makes pictures of held-out captions and measures them as they come: what a plan asks for and a
 * results file lacks. Picture k of every setting is of caption k.
 */
final class PictureRun {
  private static final int TOGETHER = 50;
  private static final double SECONDS_BETWEEN_LINES = 15;

  private final OrderedPictures heldOut;
  private final ReferenceImages reference;
  private final ReferenceImages training;
  private final RememberedScorer scorer;
  private final PictureScale scale;
  private final PictureResults results;
  private final Origin origin;
  private final Consumer<String> out;
  private final BooleanSupplier stop;

  /**
   * @param reference of the held-out pictures
   * @param training of equally many training pictures
   */
  PictureRun(
      OrderedPictures heldOut,
      ReferenceImages reference,
      ReferenceImages training,
      RememberedScorer scorer,
      PictureScale scale,
      PictureResults results,
      Origin origin,
      Consumer<String> out,
      BooleanSupplier stop) {
    this.heldOut = heldOut;
    this.reference = reference;
    this.training = training;
    this.scorer = scorer;
    this.scale = scale;
    this.results = results;
    this.origin = origin;
    this.out = out;
    this.stop = stop;
  }

  /** Pictures that are measured, however they come. */
  @FunctionalInterface
  private interface Source {
    ImageBatch next(List<String> captions, long first);
  }

  /** What was found after so many pictures. */
  private record Found(
      PictureMeasurement.Distances heldOut,
      PictureMeasurement.Distances training,
      long samples,
      double cosine,
      double retrieval,
      int among,
      double milliseconds) {}

  /** Measures; returns whether all is done, false when it was asked to stop. */
  boolean run(List<PicturePlan.Item> items) throws IOException {
    if (!real(items)) {
      return false;
    }
    int number = 0;
    for (PicturePlan.Item item : items) {
      number++;
      boolean known =
          item.counts().stream().allMatch(count -> results.find(item, count, scale).isPresent());
      if (!known && !measure(item, number + " of " + items.size() + ": " + item.describe())) {
        return false;
      }
    }
    return true;
  }

  /** The held-out pictures themselves, beside the training ones: what a perfect model would get. */
  private boolean real(List<PicturePlan.Item> items) throws IOException {
    int count =
        Math.min(heldOut.epoch(), items.stream().mapToInt(PicturePlan.Item::most).max().orElse(0));
    boolean known =
        results.pictures().stream()
            .anyMatch(
                one ->
                    one.model().equals(PictureMeasurement.REAL)
                        && one.samples() == count
                        && one.scale().equals(scale));
    if (known || count < Quality.LEAST_SAMPLES) {
      return true;
    }
    List<Found> found =
        measure(
            List.of(count),
            PictureMeasurement.REAL,
            (captions, first) -> heldOut.batch(first, captions.size()));
    if (found.isEmpty()) {
      return false;
    }
    results.add(
        List.of(
            measurement(
                PictureMeasurement.REAL,
                scale.heldOut(),
                false,
                "none",
                0,
                0,
                0,
                0,
                found.getFirst())));
    return true;
  }

  private boolean measure(PicturePlan.Item item, String title) throws IOException {
    ReportedLatent model = item.model();
    SampleRequest some =
        model
            .request(List.of(""), item.steps(), item.guidance(), item.seed(), 0)
            .withSampler(item.sampler());
    List<Found> found =
        measure(
            item.counts(),
            title,
            (captions, first) ->
                model
                    .model()
                    .sample(
                        model
                            .request(captions, item.steps(), item.guidance(), item.seed(), first)
                            .withSampler(item.sampler())));
    if (found.isEmpty()) {
      return false;
    }
    List<PictureMeasurement> made = new ArrayList<>();
    for (Found one : found) {
      made.add(
          measurement(
              model.name(),
              model.weights(),
              model.isTeacher(),
              PictureMeasurement.sampler(item.sampler()),
              item.steps(),
              model.model().evaluations(some),
              item.guidance(),
              item.seed(),
              one));
    }
    results.add(made);
    return true;
  }

  /** What was found at each number of pictures; nothing when it was asked to stop. */
  private List<Found> measure(List<Integer> counts, String title, Source source) {
    long[] numbers = counts.stream().mapToLong(Integer::longValue).toArray();
    QualityMeter near = new QualityMeter(scorer, reference, numbers);
    QualityMeter far = new QualityMeter(scorer, training, numbers);
    int most = counts.getLast();
    CaptionMeter captions =
        new CaptionMeter(scorer, IntStream.range(0, most).mapToObj(heldOut::caption).toList());
    List<Found> found = new ArrayList<>();
    long nanoseconds = 0;
    long lastLine = System.nanoTime();
    int done = 0;
    while (done < most) {
      if (stop.getAsBoolean()) {
        return List.of();
      }
      int next = counts.get(found.size());
      int some = Math.min(TOGETHER, next - done);
      long first = done;
      List<String> asked =
          IntStream.range(0, some).mapToObj(i -> heldOut.caption(first + i)).toList();
      long start = System.nanoTime();
      ImageBatch pictures = source.next(asked, first);
      long now = System.nanoTime();
      nanoseconds += now - start;
      near.add(pictures);
      far.add(pictures);
      captions.add(pictures);
      done += some;
      if (done == next) {
        found.add(
            new Found(
                PictureMeasurement.Distances.of(near.results().getLast()),
                PictureMeasurement.Distances.of(far.results().getLast()),
                done,
                captions.score().cosine(),
                captions.retrieval().accuracy(),
                captions.retrieval().among(),
                nanoseconds / 1e6 / done));
      } else if ((now - lastLine) / 1e9 >= SECONDS_BETWEEN_LINES) {
        lastLine = now;
        out.accept(title + ": " + done + " of " + most + " pictures");
      }
    }
    Found last = found.getLast();
    out.accept(
        title
            + ": FID "
            + Numbers.decimal(last.heldOut.fid())
            + ", caption score "
            + Numbers.fixed(last.cosine, 3)
            + " of "
            + last.samples
            + " pictures");
    return found;
  }

  private PictureMeasurement measurement(
      String model,
      String weights,
      boolean teacher,
      String sampler,
      int steps,
      long evaluations,
      double guidance,
      long seed,
      Found found) {
    return new PictureMeasurement(
        model,
        weights,
        teacher,
        sampler,
        steps,
        evaluations,
        guidance,
        seed,
        found.samples,
        found.heldOut,
        found.training,
        found.cosine,
        found.retrieval,
        found.among,
        found.milliseconds,
        scale,
        PictureMeasurement.Made.now(origin));
  }
}
