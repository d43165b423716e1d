package org.halfstep.quantize;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * How often values occur, in bins of one width over a range around 0 that doubles when a value lies
 * outside. The result does not depend on the order of the values.
 */
final class ValueHistogram {
  private static final int BINS = 1 << 14;
  private static final float FIRST_RANGE = 0x1p-10f;

  private final long[] counts = new long[BINS];
  private float range = FIRST_RANGE;
  private float smallest = Float.POSITIVE_INFINITY;
  private float largest = Float.NEGATIVE_INFINITY;

  /**
   * Counts float32 values.
   *
   * @throws IllegalArgumentException when one of them is not finite
   */
  void add(MemorySegment values, long count) {
    float low = smallest;
    float high = largest;
    for (long i = 0; i < count; i++) {
      float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (!(Float.isFinite(low) && Float.isFinite(high))) {
      throw new IllegalArgumentException("the network's activations are not finite");
    }
    smallest = low;
    largest = high;
    while (!(Math.max(-low, high) < range)) {
      widen();
    }
    float perBin = BINS / (2 * range);
    for (long i = 0; i < count; i++) {
      float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      counts[Math.min((int) ((value + range) * perBin), BINS - 1)]++;
    }
  }

  /** Doubles the range: two bins become one. */
  private void widen() {
    long[] narrow = counts.clone();
    Arrays.fill(counts, 0);
    for (int bin = 0; bin < BINS; bin++) {
      counts[BINS / 4 + bin / 2] += narrow[bin];
    }
    range *= 2;
  }

  float smallest() {
    return smallest;
  }

  float largest() {
    return largest;
  }

  int bins() {
    return BINS;
  }

  long count(int bin) {
    return counts[bin];
  }

  /** The value in the middle of a bin. */
  double middle(int bin) {
    return (bin + 0.5) * (2.0 * range / BINS) - range;
  }
}
