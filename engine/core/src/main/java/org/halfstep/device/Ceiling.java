package org.halfstep.device;

import java.util.Locale;

/**
 * The most that a device can do, as measured on it.
 *
 * @param gigaflopsPerSecond multiply-adds, two operations each
 * @param gigabytesPerSecond read and written in arrays too large for any cache
 * @param arithmetic by what the first was measured, for people
 * @param traffic by what the second was
 */
public record Ceiling(
    double gigaflopsPerSecond, double gigabytesPerSecond, String arithmetic, String traffic) {
  public Ceiling {
    if (!(gigaflopsPerSecond > 0 && gigabytesPerSecond > 0)) {
      throw new IllegalArgumentException(
          "a ceiling must be positive, got "
              + gigaflopsPerSecond
              + " GFLOP/s and "
              + gigabytesPerSecond
              + " GB/s");
    }
  }

  /** "At most 62 GFLOP/s (...) and 21.0 GB/s (...)". */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "At most %.0f GFLOP/s (%s) and %.1f GB/s (%s)",
        gigaflopsPerSecond,
        arithmetic,
        gigabytesPerSecond,
        traffic);
  }
}
