package org.halfstep.report;

import java.util.Arrays;

/**
 * Times of one piece of work, run again and again.
 *
 * @param runs how many
 * @param median the middle one
 * @param least the fastest
 * @param p90 what 90 % of the runs do not exceed
 * @param p99 what 99 % do not exceed
 */
public record TimeSummary(int runs, double median, double least, double p90, double p99) {

  /** Of nanoseconds, or of any other unit. */
  public static TimeSummary of(long[] times) {
    if (times.length == 0) {
      throw new IllegalArgumentException("there are no times");
    }
    double[] sorted = Arrays.stream(times).asDoubleStream().sorted().toArray();
    return new TimeSummary(
        sorted.length,
        Speedup.median(sorted),
        sorted[0],
        percentile(sorted, 90),
        percentile(sorted, 99));
  }

  /** The smallest value that at least so many of a hundred do not exceed. */
  private static double percentile(double[] sorted, int percent) {
    return sorted[Math.ceilDiv(sorted.length * percent, 100) - 1];
  }
}
