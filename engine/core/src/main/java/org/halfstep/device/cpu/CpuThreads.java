package org.halfstep.device.cpu;

import java.util.Map;
import org.halfstep.device.CpuOptions;

/** How many threads compute where nobody names a number. */
final class CpuThreads {
  private static final String VARIABLE = "OMP_NUM_THREADS";

  private CpuThreads() {}

  /**
   * As many as OMP_NUM_THREADS says, else one per processor that this process may use, as the JVM
   * counts them: it knows a container's limits, which OpenMP does not, and a hundred threads that
   * share one processor's time wait for each other.
   */
  static int standard() {
    return of(System.getenv(), Runtime.getRuntime().availableProcessors());
  }

  /**
   * @param environment of the process
   * @param processors that it may use
   * @throws IllegalArgumentException when OMP_NUM_THREADS is not a number of threads
   */
  static int of(Map<String, String> environment, int processors) {
    String asked = environment.getOrDefault(VARIABLE, "").strip();
    if (asked.isEmpty()) {
      return Math.min(processors, CpuOptions.MOST_THREADS);
    }
    // A list has one number per level of nesting; there is one level here.
    String first = asked.split(",", 2)[0].strip();
    int threads = first.matches("\\d{1,9}") ? Integer.parseInt(first) : 0;
    if (threads < 1 || threads > CpuOptions.MOST_THREADS) {
      throw new IllegalArgumentException(
          VARIABLE
              + " must be from 1 to "
              + CpuOptions.MOST_THREADS
              + " threads, got "
              + asked
              + ": correct it or unset it");
    }
    return threads;
  }
}
