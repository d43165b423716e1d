package org.halfstep.cli.console;

import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import org.halfstep.sample.SampleProgress;

/**
 * Shows the steps of pictures that take long: which one is being made and how much time is left.
 * Remembers when the first of them began.
 */
public final class StepProgress implements SampleProgress, AutoCloseable {
  private static final double SECONDS_BETWEEN_LINES = 5;
  private static final double NANOSECONDS = 1e9;

  private final PrintWriter out;
  private final int images;
  private long first;
  private long lastLine;
  private double secondsToFirst = -1;

  /**
   * @param images of the request
   */
  public StepProgress(PrintWriter out, int images) {
    this.out = out;
    this.images = images;
  }

  @Override
  public void at(int done, int step, int steps) {
    long now = System.nanoTime();
    if (secondsToFirst < 0) {
      first = now;
      lastLine = now;
      secondsToFirst =
          (System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime()) / 1e3;
    }
    long made = (long) done * steps + step;
    long total = (long) images * steps;
    if (made > 0 && made < total && (now - lastLine) / NANOSECONDS >= SECONDS_BETWEEN_LINES) {
      lastLine = now;
      double seconds = (now - first) / NANOSECONDS / made;
      out.println(
          "image "
              + Sizes.whole(done + 1L)
              + " of "
              + Sizes.whole(images)
              + ", step "
              + (step + 1)
              + " of "
              + steps
              + ", "
              + Sizes.decimal(seconds)
              + " s/step, "
              + Sizes.duration(seconds * (total - made))
              + " left");
      out.flush();
    }
  }

  /** Seconds from the start of this program to the first step; below 0 when there was none. */
  public double secondsToFirst() {
    return secondsToFirst;
  }

  @Override
  public void close() {
    out.flush();
  }
}
