package org.halfstep.bench;

import java.util.Locale;
import java.util.Map;

/**
 * What a forward pass on a GPU cannot be faster than, beside what was guessed before anything had
 * run on one. Three floors: arithmetic at the measured rate of a product, bytes at the measured
 * rate of a copy, and launches at what a node of a recorded graph costs.
 */
final class Roofline {
  /** Milliseconds between two dependent kernels of a graph, as published for Hopper. */
  private static final double LAUNCH = 1.3e-3;

  /** Guesses of 2026-11 for one H100: ours as it stands, torch.compile with graphs, reachable. */
  private static final Map<String, String[]> GUESSES =
      Map.of(
          "S forward batch 1", new String[] {".5 – .6", ".6", ".25"},
          "S forward batch 8", new String[] {".55 – .65", ".65", ".3"},
          "S forward batch 64", new String[] {"1.4 – 1.7", "1.6 – 1.8", ".95"},
          "M forward batch 1", new String[] {".7 – .9", ".8", ".35"},
          "M forward batch 8", new String[] {".9 – 1.1", "1.1", ".6"},
          "M forward batch 64", new String[] {"3.5 – 4.3", "4.0 – 4.5", "2.5"},
          "L forward batch 1", new String[] {"1.4 – 1.9", "1.7 – 2.1", ".85"},
          "L forward batch 8", new String[] {"5 – 6", "5.5 – 6.5", "3.7"},
          "L forward batch 64", new String[] {"29 – 34", "31 – 35", "23"});

  static final String HEADER =
      "| work | launches | arithmetic | bytes | launches alone | guessed: ours | compiled | reachable |"
          + " measured: ours | compiled |\n"
          + "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

  /**
   * What a pass does.
   *
   * @param gigaflops multiplications and additions
   * @param gigabytes moved at least
   * @param launches kernels
   */
  record Work(double gigaflops, double gigabytes, int launches) {}

  private Roofline() {}

  /**
   * One line of the table.
   *
   * @param teraflopsPerSecond measured rate of a product; null where it was not measured
   * @param gigabytesPerSecond measured rate of a copy; null likewise
   * @param ours median in milliseconds; NaN where it was not measured
   * @param compiled that of torch.compile
   */
  static String row(
      String name,
      Work work,
      Double teraflopsPerSecond,
      Double gigabytesPerSecond,
      double ours,
      double compiled) {
    String[] guesses = GUESSES.getOrDefault(name, new String[] {"", "", ""});
    return String.format(
        Locale.ROOT,
        "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |%n",
        name,
        work == null ? "" : work.launches(),
        work == null || teraflopsPerSecond == null
            ? ""
            : milliseconds(work.gigaflops() / teraflopsPerSecond),
        work == null || gigabytesPerSecond == null
            ? ""
            : milliseconds(work.gigabytes() * 1e3 / gigabytesPerSecond),
        work == null ? "" : milliseconds(work.launches() * LAUNCH),
        guesses[0],
        guesses[1],
        guesses[2],
        milliseconds(ours),
        milliseconds(compiled));
  }

  private static String milliseconds(double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.3f", value);
  }
}
