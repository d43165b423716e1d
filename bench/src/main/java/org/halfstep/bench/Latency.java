package org.halfstep.bench;

import java.io.IOException;
import org.HdrHistogram.Histogram;

/**
 * How long single requests take, one after the other: the distribution that a mean hides.
 *
 * @param model bundled name
 * @param steps sampler steps
 * @param requests of one image each
 * @param p50 median, milliseconds from request to pixels
 * @param p90 exceeded by one request in ten
 * @param p99 exceeded by one in a hundred
 * @param greatest the slowest one
 */
record Latency(
    String model, int steps, long requests, double p50, double p90, double p99, double greatest) {
  private static final int WARM_UP = 100;
  private static final int DIGITS = 3;
  private static final double TO_MILLISECONDS = 1e-6;

  /**
   * Measures a model.
   *
   * @param seconds to measure for
   * @param least requests that are made even if they take longer
   */
  static Latency of(String model, double seconds, int least) throws IOException {
    Histogram histogram = new Histogram(DIGITS);
    try (Sampling sampling = new Sampling(model, 0, 1)) {
      for (int i = 0; i < WARM_UP; i++) {
        sampling.run();
      }
      long start = System.nanoTime();
      long before = start;
      while (histogram.getTotalCount() < least || (before - start) / 1e9 < seconds) {
        sampling.run();
        long after = System.nanoTime();
        histogram.recordValue(after - before);
        before = after;
      }
      return new Latency(
          model,
          sampling.steps(),
          histogram.getTotalCount(),
          TO_MILLISECONDS * histogram.getValueAtPercentile(50),
          TO_MILLISECONDS * histogram.getValueAtPercentile(90),
          TO_MILLISECONDS * histogram.getValueAtPercentile(99),
          TO_MILLISECONDS * histogram.getMaxValue());
    }
  }
}
