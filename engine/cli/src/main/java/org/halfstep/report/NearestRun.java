package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.metrics.CaptionScorer;

/**
 * Looks through all training pictures for those that are nearest to a model's pictures of held-out
 * captions, and to the held-out pictures of the same captions, in the scorer's features.
 */
final class NearestRun {
  private static final int TOGETHER = 50;
  private static final int SHOWN = 24;
  private static final int COLUMNS = 12;
  private static final int PADDING = 2;

  private final PicturePlan plan;
  private final OrderedPictures heldOut;
  private final OrderedPictures training;
  private final CaptionScorer scorer;
  private final PictureScale scale;
  private final PictureResults results;
  private final Origin origin;
  private final Consumer<String> out;
  private final BooleanSupplier stop;

  NearestRun(
      PicturePlan plan,
      OrderedPictures heldOut,
      OrderedPictures training,
      CaptionScorer scorer,
      PictureScale scale,
      PictureResults results,
      Origin origin,
      Consumer<String> out,
      BooleanSupplier stop) {
    this.plan = plan;
    this.heldOut = heldOut;
    this.training = training;
    this.scorer = scorer;
    this.scale = scale;
    this.results = results;
    this.origin = origin;
    this.out = out;
    this.stop = stop;
  }

  /** Nearest training picture of each of some pictures. */
  private record Nearest(double[] distances, int[] indexes) {
    static Nearest of(int count) {
      double[] distances = new double[count];
      Arrays.fill(distances, Double.POSITIVE_INFINITY);
      return new Nearest(distances, new int[count]);
    }

    List<Double> sorted() {
      return Arrays.stream(distances).sorted().boxed().toList();
    }
  }

  /** What a picture of some samples above their nearest training pictures is called. */
  static String file(String model) {
    return "nearest-" + model + ".png";
  }

  /**
   * Measures these models as far as they were not yet, with their usual samplers.
   *
   * @return false when it was asked to stop
   */
  boolean run(Path folder, List<ReportedLatent> models) throws IOException {
    List<ReportedLatent> left =
        plan.nearest() == 0 ? List.of() : models.stream().filter(model -> !isKnown(model)).toList();
    if (left.isEmpty()) {
      return true;
    }
    int count = plan.nearest();
    List<ImageBatch> made = new ArrayList<>();
    List<float[]> features = new ArrayList<>();
    for (ReportedLatent model : left) {
      if (stop.getAsBoolean()) {
        return false;
      }
      made.add(samples(model, count));
      features.add(features(made.getLast()));
    }
    features.add(features(heldOut.batch(0, count)));
    List<Nearest> nearest = features.stream().map(_ -> Nearest.of(count)).toList();
    for (int done = 0; done < training.count(); done += TOGETHER) {
      if (stop.getAsBoolean()) {
        return false;
      }
      int[] indexes = IntStream.range(done, Math.min(training.count(), done + TOGETHER)).toArray();
      float[] seen = features(training.images().batch(indexes));
      for (int set = 0; set < nearest.size(); set++) {
        compare(features.get(set), seen, indexes, nearest.get(set));
      }
    }
    for (int i = 0; i < left.size(); i++) {
      keep(folder, left.get(i), made.get(i), nearest.get(i), nearest.getLast());
    }
    return true;
  }

  private int steps(ReportedLatent model) {
    return model.steps(plan.editSteps());
  }

  private double guidance(ReportedLatent model) {
    return model.nearest(plan.editGuidance());
  }

  private boolean isKnown(ReportedLatent model) {
    return results.nearest().stream()
        .anyMatch(
            one ->
                one.weights().equals(model.weights())
                    && one.steps() == steps(model)
                    && one.guidance() == guidance(model)
                    && one.seed() == plan.seeds().getFirst()
                    && one.samples().size() == plan.nearest()
                    && one.trainingPictures() == training.count()
                    && one.scale().equals(scale));
  }

  private ImageBatch samples(ReportedLatent model, int count) {
    List<ImageBatch> parts = new ArrayList<>();
    for (int done = 0; done < count; done += TOGETHER) {
      int first = done;
      List<String> captions =
          IntStream.range(done, Math.min(count, done + TOGETHER))
              .mapToObj(heldOut::caption)
              .toList();
      parts.add(
          model
              .model()
              .sample(
                  model.request(
                      captions, steps(model), guidance(model), plan.seeds().getFirst(), first)));
    }
    return ImageBatch.concatenated(parts);
  }

  private float[] features(ImageBatch pictures) {
    float[] features = new float[pictures.count() * scorer.features()];
    scorer.extract(pictures, features, new float[0]);
    return features;
  }

  private void compare(float[] some, float[] seen, int[] indexes, Nearest nearest) {
    int width = scorer.features();
    for (int i = 0; i < nearest.distances.length; i++) {
      for (int j = 0; j < indexes.length; j++) {
        double square = 0;
        for (int d = 0; d < width; d++) {
          double difference = (double) some[i * width + d] - seen[j * width + d];
          square += difference * difference;
        }
        double distance = Math.sqrt(square);
        if (distance < nearest.distances[i]) {
          nearest.distances[i] = distance;
          nearest.indexes[i] = indexes[j];
        }
      }
    }
  }

  private void keep(
      Path folder, ReportedLatent model, ImageBatch made, Nearest own, Nearest ofHeldOut)
      throws IOException {
    NearestMeasurement measured =
        new NearestMeasurement(
            model.name(),
            model.weights(),
            steps(model),
            guidance(model),
            plan.seeds().getFirst(),
            training.count(),
            own.sorted(),
            ofHeldOut.sorted(),
            scale,
            PictureMeasurement.Made.now(origin));
    draw(folder.resolve(file(model.name())), made, own);
    results.add(measured);
    out.accept(
        "nearest training pictures of "
            + model.name()
            + ": "
            + measured.tooNear()
            + " of "
            + made.count()
            + " nearer than nineteen in twenty held-out pictures");
  }

  /** Rows of samples, below each its nearest training picture. */
  private void draw(Path file, ImageBatch made, Nearest nearest) throws IOException {
    int shown = Math.min(SHOWN, made.count());
    int columns = Math.min(COLUMNS, shown);
    List<ImageBatch> rows = new ArrayList<>();
    int values = made.height() * made.width() * made.channels();
    for (int first = 0; first + columns <= shown; first += columns) {
      byte[] pixels = Arrays.copyOfRange(made.pixels(), first * values, (first + columns) * values);
      rows.add(new ImageBatch(columns, made.height(), made.width(), made.channels(), pixels));
      rows.add(
          training.images().batch(Arrays.copyOfRange(nearest.indexes, first, first + columns)));
    }
    new ImageGrid(columns, PADDING, 1)
        .write(
            file,
            ImageBatch.concatenated(rows),
            Map.of(
                "Software",
                "Halfstep " + origin.version(),
                "Rows",
                "samples, and below each the nearest training picture"));
  }
}
