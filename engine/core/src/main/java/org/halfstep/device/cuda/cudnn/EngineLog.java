package org.halfstep.device.cuda.cudnn;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;

/**
 * What was timed and which engine won, one line for each operation, its fields separated by tabs:
 * the operation with its sizes; the time of the one that cuDNN ranks first; the best time, with its
 * engine; and every candidate in the order of the ranking. Times are in microseconds.
 */
final class EngineLog {
  /** System property: the file, to which lines are added; nothing is written when it is not set. */
  static final String PROPERTY = "halfstep.engines.log";

  private static final System.Logger LOG = System.getLogger(EngineLog.class.getName());

  private final Path file;

  /**
   * @param file null for none
   */
  EngineLog(Path file) {
    this.file = file;
  }

  /** What {@link #PROPERTY} says. */
  static EngineLog named() {
    String name = System.getProperty(PROPERTY);
    return new EngineLog(name == null || name.isBlank() ? null : Path.of(name));
  }

  /**
   * Adds a line.
   *
   * @param times in microseconds, NaN for a plan that did not run
   * @param best index of the plan that won, -1 for none
   */
  void add(CudnnGraphSpec operation, List<CudnnPlan> plans, double[] times, int best) {
    if (file == null) {
      return;
    }
    StringBuilder line = new StringBuilder(operation.toString());
    line.append("\tfirst ").append(text(times[0])).append("\tbest ");
    line.append(best < 0 ? "none" : text(times[best]) + " " + plans.get(best).engine());
    for (int i = 0; i < times.length; i++) {
      line.append('\t').append(plans.get(i).engine()).append(": ").append(text(times[i]));
    }
    try {
      Files.writeString(
          file, line.append('\n'), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException unwritable) {
      LOG.log(
          System.Logger.Level.WARNING,
          "the times of engines cannot be written: " + unwritable + " (" + PROPERTY + ")");
    }
  }

  private static String text(double microseconds) {
    return Double.isNaN(microseconds)
        ? "failed"
        : String.format(Locale.ROOT, "%.2f us", microseconds);
  }
}
