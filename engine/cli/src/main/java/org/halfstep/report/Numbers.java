package org.halfstep.report;

import java.util.Locale;

/** Numbers as a page shows them. */
final class Numbers {
  private Numbers() {}

  /** As short as it can be: {@code 1}, {@code 0.5}. */
  static String plain(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  /** With so many decimals. */
  static String fixed(double value, int decimals) {
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Three digits that matter. */
  static String decimal(double value) {
    double size = Math.abs(value);
    return fixed(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
  }

  /** {@code 128x}. */
  static String times(double factor) {
    return fixed(factor, factor < 9.95 ? 2 : factor < 99.5 ? 1 : 0) + "x";
  }
}
