package org.halfstep.device;

/**
 * The most that a device can do, as measured on it.
 *
 * @param gigaflopsPerSecond float32 multiply-adds in registers, two operations each
 * @param gigabytesPerSecond read and written by an addition of arrays too large for any cache
 */
public record Ceiling(double gigaflopsPerSecond, double gigabytesPerSecond) {
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
}
