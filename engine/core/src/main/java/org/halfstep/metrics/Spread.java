package org.halfstep.metrics;

import java.util.Arrays;

/** Mean and standard deviation of some numbers, the latter divided by their count. */
record Spread(double mean, double standardDeviation) {
  static Spread of(double[] values) {
    double mean = Arrays.stream(values).sum() / values.length;
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    return new Spread(mean, Math.sqrt(squares / values.length));
  }
}
