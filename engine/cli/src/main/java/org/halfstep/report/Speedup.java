package org.halfstep.report;

import java.util.Arrays;

/**
 * How many times faster one model is than another, from times that were taken in turns: one ratio
 * for each round, so that what disturbed the machine in a round disturbed both.
 *
 * @param median of the rounds' ratios
 * @param least of them
 * @param greatest of them
 * @param evaluations ratio of network evaluations, which is what a quiet machine gives at most
 */
public record Speedup(double median, double least, double greatest, double evaluations) {
  /** Least share of the ratio of evaluations that is good. */
  public static final double SHARE = 0.95;

  /** Greatest share that can be believed: no student is quicker than its evaluations. */
  public static final double MOST_SHARE = 1.05;

  /** What a measurement says. */
  public enum Verdict {
    MET,
    NOT_MET,
    NOT_QUIET
  }

  /**
   * From the times of each round.
   *
   * @param slow of the model compared with, as many as {@code quick}
   * @param quick of the other
   */
  public static Speedup of(double[] slow, double[] quick, double evaluations) {
    if (slow.length != quick.length || slow.length == 0) {
      throw new IllegalArgumentException(
          slow.length + " and " + quick.length + " times; expected equally many, at least one");
    }
    double[] ratios = new double[slow.length];
    Arrays.setAll(ratios, i -> slow[i] / quick[i]);
    Arrays.sort(ratios);
    return new Speedup(median(ratios), ratios[0], ratios[ratios.length - 1], evaluations);
  }

  /** Of one number on each side. */
  public static Speedup of(double slow, double quick, double evaluations) {
    return of(new double[] {slow}, new double[] {quick}, evaluations);
  }

  /** The middle of sorted numbers. */
  static double median(double[] sorted) {
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  /** The measured ratio as a share of the evaluations'. */
  public double share() {
    return median / evaluations;
  }

  /** Whether the measured ratio is as good as the evaluations', or too good to be one. */
  public Verdict verdict() {
    if (share() > MOST_SHARE) {
      return Verdict.NOT_QUIET;
    }
    return share() >= SHARE ? Verdict.MET : Verdict.NOT_MET;
  }
}
