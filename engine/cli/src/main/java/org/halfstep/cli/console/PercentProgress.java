package org.halfstep.cli.console;

import java.io.PrintWriter;
import java.util.function.IntConsumer;

/** Says how much of something that takes long is done, every few seconds. */
public final class PercentProgress implements IntConsumer {
  private static final long NANOSECONDS_BETWEEN_LINES = 5_000_000_000L;

  private final PrintWriter out;
  private final String what;
  private long lastLine = System.nanoTime();

  /**
   * @param what was done with the share
   */
  public PercentProgress(PrintWriter out, String what) {
    this.out = out;
    this.what = what;
  }

  @Override
  public void accept(int percent) {
    long now = System.nanoTime();
    if (now - lastLine >= NANOSECONDS_BETWEEN_LINES) {
      lastLine = now;
      out.println(what + " " + percent + " %");
      out.flush();
    }
  }
}
