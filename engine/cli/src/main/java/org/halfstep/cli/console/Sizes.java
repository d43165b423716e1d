package org.halfstep.cli.console;

import java.util.Locale;

/** Numbers as people read them. */
public final class Sizes {
  private static final long KIB = 1L << 10;
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  private Sizes() {}

  /** {@code 1.5 MiB} and the like. */
  public static String bytes(long bytes) {
    if (bytes < KIB) {
      return bytes + " B";
    }
    if (bytes < MIB) {
      return decimal((double) bytes / KIB) + " KiB";
    }
    return bytes < GIB
        ? decimal((double) bytes / MIB) + " MiB"
        : decimal((double) bytes / GIB) + " GiB";
  }

  /** Three digits that matter: {@code 0.123}, {@code 1.23}, {@code 12.3}, {@code 123}. */
  public static String decimal(double value) {
    double size = Math.abs(value);
    String format =
        size >= 99.95 ? "%.0f" : size >= 9.995 ? "%.1f" : size >= 0.9995 ? "%.2f" : "%.3f";
    return String.format(Locale.ROOT, format, value);
  }

  /** A whole number with separators: {@code 1,234,567}. */
  public static String whole(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /** A number of things: {@code 1 image}, {@code 1,234 images}. */
  public static String count(long number, String thing) {
    return count(number, thing, thing + "s");
  }

  /** The same where more than one is called something else: {@code 1 class}, {@code 2 classes}. */
  public static String count(long number, String thing, String things) {
    return whole(number) + " " + (number == 1 ? thing : things);
  }

  /** {@code 1:02:03} or {@code 2:03}. */
  public static String duration(double seconds) {
    long all = Math.round(seconds);
    long hours = all / 3600;
    long minutes = all / 60 % 60;
    return hours > 0
        ? String.format(Locale.ROOT, "%d:%02d:%02d", hours, minutes, all % 60)
        : String.format(Locale.ROOT, "%d:%02d", minutes, all % 60);
  }

  /** What a plan is for: a batch, or so many rows of one. */
  public static String batch(int batch, int rows) {
    return rows == batch
        ? "a batch of " + whole(batch)
        : whole(rows) + " of a batch of " + whole(batch);
  }
}
