package org.halfstep.metrics;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.halfstep.image.ImageBatch;

/**
 * Measures generated images as they come: nothing is kept of them but sums and the first {@link
 * ReferenceImages#ROWS} rows of features. It can answer for several numbers of images, each time
 * for the first so many, because a Frechet distance depends on the number of samples and only those
 * of equal numbers can be compared.
 */
public final class QualityMeter {
  private static final long KID_SEED = 0;

  private final FeatureExtractor extractor;
  private final ReferenceImages reference;
  private final long[] counts;
  private final FeatureStatistics statistics;
  private final InceptionScore[] scores;
  private final float[] kept;
  private final List<Quality> results = new ArrayList<>();
  private long count;

  /**
   * @param counts numbers of images to answer for, ascending, each at least {@value
   *     Quality#LEAST_SAMPLES}
   */
  public QualityMeter(FeatureExtractor extractor, ReferenceImages reference, long... counts) {
    if (counts.length == 0 || counts[0] < Quality.LEAST_SAMPLES) {
      throw new IllegalArgumentException(
          "image metrics need at least "
              + Quality.LEAST_SAMPLES
              + " images, got "
              + Arrays.toString(counts));
    }
    this.extractor = Objects.requireNonNull(extractor, "quality needs an extractor");
    this.reference = Objects.requireNonNull(reference, "quality needs reference images");
    this.counts = counts.clone();
    statistics = new FeatureStatistics(extractor.features());
    scores = new InceptionScore[counts.length];
    for (int i = 0; i < counts.length; i++) {
      if (i > 0 && counts[i] <= counts[i - 1]) {
        throw new IllegalArgumentException(
            "numbers of images must ascend, got " + Arrays.toString(counts));
      }
      scores[i] =
          extractor.classes() == 0
              ? null
              : new InceptionScore(extractor.classes(), counts[i], Quality.SPLITS);
    }
    long rows = Math.min(counts[counts.length - 1], ReferenceImages.ROWS);
    kept = new float[Math.toIntExact(rows * extractor.features())];
  }

  /**
   * Takes up images.
   *
   * @throws IllegalArgumentException when there are more than announced, or they do not suit the
   *     extractor
   */
  public void add(ImageBatch images) {
    if (images.count() > counts[counts.length - 1] - count) {
      throw new IllegalArgumentException(
          (count + images.count()) + " images, " + counts[counts.length - 1] + " were announced");
    }
    float[] features = new float[images.count() * extractor.features()];
    float[] logits = new float[images.count() * extractor.classes()];
    extractor.extract(images, features, logits);
    int row = 0;
    while (row < images.count()) {
      // Up to the next number that is asked for.
      long end = Math.min(images.count(), row + counts[results.size()] - count);
      take(features, logits, row, (int) end);
      row = (int) end;
      if (count == counts[results.size()]) {
        results.add(quality());
      }
    }
  }

  private void take(float[] features, float[] logits, int from, int to) {
    int width = extractor.features();
    statistics.add(Arrays.copyOfRange(features, from * width, to * width));
    float[] part = Arrays.copyOfRange(logits, from * extractor.classes(), to * extractor.classes());
    for (int i = results.size(); i < scores.length && extractor.classes() > 0; i++) {
      scores[i].add(part);
    }
    long room = kept.length / width - count;
    if (room > 0) {
      System.arraycopy(
          features,
          from * width,
          kept,
          Math.toIntExact(count * width),
          (int) Math.min(room, to - from) * width);
    }
    count += to - from;
  }

  private Quality quality() {
    InceptionScore score = scores[results.size()];
    double distance = FrechetDistance.between(statistics.moments(), reference.moments()).distance();
    if (reference.features() == null) {
      return new Quality(
          count,
          distance,
          score == null ? Double.NaN : score.mean(),
          score == null ? Double.NaN : score.standardDeviation(),
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN);
    }
    int rows = (int) Math.min(count, kept.length / extractor.features());
    FeatureSet generated =
        new FeatureSet(extractor.features(), Arrays.copyOf(kept, rows * extractor.features()));
    int subset = Math.min(Quality.KID_SUBSET, Math.min(rows, reference.features().rows()));
    KernelInceptionDistance kid =
        KernelInceptionDistance.ofSubsets(
            generated, reference.features(), Quality.KID_SUBSETS, subset, KID_SEED);
    PrecisionRecall shares = PrecisionRecall.between(reference.features(), generated);
    return new Quality(
        count,
        distance,
        score == null ? Double.NaN : score.mean(),
        score == null ? Double.NaN : score.standardDeviation(),
        kid.mean(),
        kid.standardDeviation(),
        shares.precision(),
        shares.recall());
  }

  /** Number of images so far. */
  public long count() {
    return count;
  }

  /** One answer for each of the numbers of images that were reached so far. */
  public List<Quality> results() {
    return List.copyOf(results);
  }
}
