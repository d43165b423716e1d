package org.halfstep.train;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * The loss on examples that are not learned from, by where their times lie.
 *
 * @param mean over all of them
 * @param bins means over the examples of each tenth of time, from the image to the noise; NaN where
 *     there was none
 */
public record HeldOutLoss(double mean, double[] bins) {
  /** Its table's name in a run's folder. */
  public static final String FILE = "held-out.csv";

  /** Parts that time is divided in. */
  public static final int BINS = 10;

  /** The table of a run's folder. */
  static RunTable in(Path runFolder) {
    StringBuilder header = new StringBuilder("phase,update,loss");
    for (int bin = 0; bin < BINS; bin++) {
      header.append(",t").append(bin);
    }
    return new RunTable(runFolder.resolve(FILE), header.toString());
  }

  /** As a row of that table. */
  byte[] line(String phase, long update) {
    StringBuilder line = new StringBuilder(RunTable.requirePhase(phase));
    line.append(',').append(update).append(',').append(mean);
    for (double bin : bins) {
      line.append(',').append(bin);
    }
    return line.append('\n').toString().getBytes(StandardCharsets.UTF_8);
  }

  /** As points of curves. */
  Map<String, Double> curves() {
    Map<String, Double> curves = new TreeMap<>();
    curves.put("held-out loss", mean);
    for (int bin = 0; bin < BINS; bin++) {
      if (!Double.isNaN(bins[bin])) {
        curves.put("held-out loss by time/t 0." + bin, bins[bin]);
      }
    }
    return curves;
  }

  /** Sums up losses of single examples. */
  static final class Sums {
    private final double[] sums = new double[BINS];
    private final int[] counts = new int[BINS];

    void add(double time, double loss) {
      int bin = Math.clamp((int) (time * BINS), 0, BINS - 1);
      sums[bin] += loss;
      counts[bin]++;
    }

    HeldOutLoss means() {
      double[] bins = new double[BINS];
      double sum = 0;
      int count = 0;
      for (int bin = 0; bin < BINS; bin++) {
        bins[bin] = sums[bin] / counts[bin];
        sum += sums[bin];
        count += counts[bin];
      }
      return new HeldOutLoss(sum / count, bins);
    }
  }
}
