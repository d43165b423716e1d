package org.halfstep.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/**
 * How long runs of the same work took, and the largest memory of the process.
 *
 * @param milliseconds ascending
 */
public record RunTimes(List<Double> milliseconds) {
  /** Fewest runs that are timed. */
  static final int LEAST = 5;

  private static final int MOST = 400;
  private static final int WARM_UP = 3;

  /** Runs work for about so many seconds, after a few runs that are not timed. */
  public static RunTimes of(Runnable work, double seconds) {
    for (int i = 0; i < WARM_UP; i++) {
      work.run();
    }
    List<Double> milliseconds = new ArrayList<>();
    long start = System.nanoTime();
    do {
      long before = System.nanoTime();
      work.run();
      milliseconds.add((System.nanoTime() - before) / 1e6);
    } while (milliseconds.size() < LEAST
        || milliseconds.size() < MOST && System.nanoTime() - start < seconds * 1e9);
    Collections.sort(milliseconds);
    return new RunTimes(List.copyOf(milliseconds));
  }

  int count() {
    return milliseconds.size();
  }

  double median() {
    return milliseconds.get(count() / 2);
  }

  /** The line of a measurement of ours that {@code bench/peers/compare} reads. */
  String result(String network, String mode, int batch, String more) throws IOException {
    return result("halfstep", network, mode, batch, more);
  }

  /** The same of another engine, which is named with its version. */
  public String result(String engine, String network, String mode, int batch, String more)
      throws IOException {
    return String.format(
        Locale.ROOT,
        "RESULT %s %s %s batch %d: median %.3f ms min %.3f ms max %.3f n %d | peak RSS %d MiB"
            + " | %s",
        engine,
        network,
        mode,
        batch,
        median(),
        milliseconds.getFirst(),
        milliseconds.getLast(),
        count(),
        peakMebibytes(),
        more);
  }

  /** The largest resident memory of this process so far. */
  private static long peakMebibytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new IOException("/proc/self/status has no VmHWM line");
  }
}
