package org.halfstep.cli.console;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.halfstep.train.Examples;
import org.halfstep.train.HeldOutLoss;
import org.halfstep.train.RunListener;

/** Shows a run: a progress bar on a terminal, a line every few seconds elsewhere. */
public final class RunDisplay implements RunListener, AutoCloseable {
  private static final double SECONDS_BETWEEN_LINES = 5;

  /** Before this a rate says nothing yet, and what takes less needs no estimate. */
  private static final double SECONDS_OF_TRIAL = 3;

  private static final int UPDATES_OF_TRIAL = 5;
  private static final double LONG_RUN_SECONDS = 60;
  private static final int BAR_LENGTH = 110;
  private static final int BAR_INTERVAL_MILLISECONDS = 250;

  /**
   * Characters of a line beside its name and the numbers of updates: " 100% [===] / loss 0.5000".
   */
  private static final int BAR_AND_LOSS = 26;

  /** Of " (0:00:00)", of " (0:00:00 / 0:00:00)", and of units and speed. */
  private static final int TIME = 11;

  private static final int TIMES = 21;

  private static final int SPEED = 26;
  private static final int SHORTEST_NAME = 4;
  private static final double SMOOTHING = 0.02;

  private final Watch watch;
  private final PrintWriter out;
  private final boolean terminal;
  private final LongSupplier nanoTime;
  private final long all;
  private boolean estimated;
  private ProgressBar bar;
  private String name;
  private long firstUpdate;
  private long start;
  private long lastLine;
  private double loss;

  /**
   * @param all updates of all phases of the run, for an estimate of its time
   */
  public RunDisplay(PrintWriter out, long all) {
    this(out, all, Watch.NONE);
  }

  /**
   * @param all updates of all phases of the run, for an estimate of its time
   * @param watch what is looked at of it
   */
  public RunDisplay(PrintWriter out, long all, Watch watch) {
    this(out, all, Terminal.isThere(), System::nanoTime, watch);
  }

  RunDisplay(PrintWriter out, long all, boolean terminal, LongSupplier nanoTime) {
    this(out, all, terminal, nanoTime, Watch.NONE);
  }

  private RunDisplay(
      PrintWriter out, long all, boolean terminal, LongSupplier nanoTime, Watch watch) {
    this.watch = watch;
    this.out = out;
    this.all = all;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
  }

  @Override
  public void phase(String newName, long done, long total) {
    closeBar();
    name = newName;
    firstUpdate = done;
    start = nanoTime.getAsLong();
    lastLine = start;
    loss = Double.NaN;
    line(
        done == 0
            ? name + ": " + Sizes.count(total, "update")
            : name + ": continues at update " + Sizes.whole(done) + " of " + Sizes.whole(total));
    if (terminal && done < total) {
      bar = newBar(done, total, Terminal.columns(BAR_LENGTH));
    }
  }

  /** Lines are cut at their end, where the loss stands: in a narrow terminal other things go. */
  private ProgressBar newBar(long done, long total, int columns) {
    int room = columns - 2 * Long.toString(total).length() - BAR_AND_LOSS;
    int left = room - name.length();
    int longest = Math.max(SHORTEST_NAME, room - TIME);
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName(name.substring(0, Math.min(longest, name.length())).strip())
            .setInitialMax(total)
            .startsFrom(done, Duration.ZERO)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(BAR_INTERVAL_MILLISECONDS)
            .setConsumer(new ConsoleProgressBarConsumer(System.err, columns));
    if (left >= TIMES + SPEED) {
      builder.setUnit(" updates", 1).showSpeed();
    } else if (left < TIMES) {
      builder.hideEta();
    }
    return builder.build();
  }

  @Override
  public void update(
      long done, long total, double newLoss, double learningRate, double gradientNorm) {
    if (Double.isFinite(newLoss)) {
      // The plain mean at first, so that the first update does not dominate for long.
      double weight = Math.max(SMOOTHING, 1.0 / (done - firstUpdate));
      loss = Double.isNaN(loss) ? newLoss : loss + weight * (newLoss - loss);
    }
    if (bar != null) {
      bar.stepTo(done);
      bar.setExtraMessage(String.format(Locale.ROOT, " loss %.4f", loss));
    }
    long now = nanoTime.getAsLong();
    estimate(done, total, (now - start) / 1e9);
    boolean due = (now - lastLine) / 1e9 >= SECONDS_BETWEEN_LINES || done == total;
    if (bar == null && due) {
      lastLine = now;
      double rate = (done - firstUpdate) / Math.max((now - start) / 1e9, 1e-9);
      line(
          String.format(
              Locale.ROOT,
              "%s: %d/%d  loss %.4f  rate %.1e  gradient %.3f  %s updates/s  %s left",
              name,
              done,
              total,
              loss,
              learningRate,
              gradientNorm,
              Sizes.decimal(rate),
              Sizes.duration((total - done) / rate)));
    }
  }

  /** Once, as soon as it can be known: how long this will take. */
  private void estimate(long done, long total, double seconds) {
    long made = done - firstUpdate;
    if (estimated || seconds < SECONDS_OF_TRIAL || made < UPDATES_OF_TRIAL) {
      return;
    }
    estimated = true;
    double each = seconds / made;
    double left = (total - done) * each;
    if (all * each < LONG_RUN_SECONDS) {
      return;
    }
    String whole =
        all > total
            ? "; all "
                + Sizes.whole(all)
                + " updates take about "
                + Sizes.duration(all * each)
                + " at this rate"
            : "";
    // A bar has the cursor at its end.
    line(
        (bar == null ? "" : System.lineSeparator())
            + name
            + ": about "
            + Sizes.duration(left)
            + " left"
            + whole
            + ". Ctrl-C stops after a checkpoint; the same command continues.");
  }

  @Override
  public Optional<Examples> heldOut() {
    return Optional.ofNullable(watch.heldOut());
  }

  @Override
  public void heldOut(long update, HeldOutLoss held) {
    line(
        String.format(
            Locale.ROOT,
            "%s: held-out loss %.4f after update %s",
            name,
            held.mean(),
            Sizes.whole(update)));
  }

  /** What cannot be shown ends no training. */
  @Override
  public void checkpoint(String phase, long update, Path weights) {
    if (watch.samples() == null) {
      return;
    }
    try {
      line("wrote " + watch.samples().write(phase, update, weights));
    } catch (IOException | RuntimeException failure) {
      line("no samples were made: " + failure.getMessage());
    }
  }

  @Override
  public void saved(Path file) {
    closeBar();
    line("wrote " + file);
  }

  @Override
  public void note(String text) {
    line(text);
  }

  /** The last of the run's losses, smoothed; NaN before the first. */
  public double loss() {
    return loss;
  }

  private void line(String text) {
    out.println(text);
    out.flush();
  }

  /** Takes the bar away, so that lines can follow. */
  public void finish() {
    closeBar();
  }

  private void closeBar() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }

  @Override
  public void close() {
    closeBar();
  }
}
