package org.halfstep.cli.console;

import java.io.PrintWriter;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how far a pass over images, or texts, is: a bar on a terminal, a line every few seconds
 * elsewhere.
 */
public final class ImageProgress implements AutoCloseable {
  private static final double SECONDS_BETWEEN_LINES = 5;
  private static final int BAR_LENGTH = 100;
  private static final int BAR_INTERVAL_MILLISECONDS = 250;

  private final PrintWriter out;
  private final String name;
  private final String unit;
  private final long total;
  private final ProgressBar bar;
  private final long start = System.nanoTime();
  private long lastLine = start;
  private long done;

  public ImageProgress(PrintWriter out, String name, long total) {
    this(out, name, total, "images");
  }

  /**
   * @param unit what is counted, in the plural
   */
  public ImageProgress(PrintWriter out, String name, long total, String unit) {
    this.unit = unit;
    this.out = out;
    this.name = name;
    this.total = total;
    bar =
        Terminal.isThere()
            ? new ProgressBarBuilder()
                .setTaskName(name)
                .setInitialMax(total)
                .setUnit(" " + unit, 1)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(BAR_INTERVAL_MILLISECONDS)
                .setConsumer(
                    new ConsoleProgressBarConsumer(System.err, Terminal.columns(BAR_LENGTH)))
                .showSpeed()
                .build()
            : null;
  }

  public void add(int images) {
    show(done + images);
  }

  /** Says how many images are done. */
  public void show(long images) {
    done = images;
    if (bar != null) {
      bar.stepTo(done);
      return;
    }
    long now = System.nanoTime();
    if ((now - lastLine) / 1e9 >= SECONDS_BETWEEN_LINES && done < total) {
      lastLine = now;
      double rate = done / ((now - start) / 1e9);
      out.println(
          name
              + ": "
              + Sizes.whole(done)
              + " of "
              + Sizes.whole(total)
              + " "
              + unit
              + ", "
              + Sizes.decimal(rate)
              + " "
              + unit
              + "/s, "
              + Sizes.duration((total - done) / rate)
              + " left");
      out.flush();
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
