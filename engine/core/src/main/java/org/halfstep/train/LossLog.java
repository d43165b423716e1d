package org.halfstep.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.files.AppendedFile;
import org.halfstep.files.DataException;
import org.halfstep.tensorboard.EventFile;

/**
 * Writes the losses of a run beside its checkpoints: {@link LossTable}, and event files for
 * TensorBoard in a folder for each phase. A checkpoint is written after the rows up to it are on
 * disk. A training does not end because a row could not be written: rows of the table are kept and
 * tried again with the next one.
 */
final class LossLog implements AutoCloseable {
  /** The folder of event files in a run's. */
  static final String EVENTS = "tensorboard";

  private static final double MILLISECONDS = 1000;
  private static final int MOST_PENDING = 1 << 16;

  private final Path folder;
  private final RunListener listener;
  private final long every;
  private final List<LossTable.Row> pending = new ArrayList<>();
  private AppendedFile table;
  private AppendedFile heldOut;
  private EventFile events;
  private boolean wantsEvents;
  private boolean warned;
  private String phase;
  private long first;
  private long total;
  private int updates;
  private int losses;
  private int norms;
  private double lossSum;
  private double normSum;
  private long lastUpdate;
  private double lastRate;

  /**
   * @param listener is told once when rows cannot be written
   * @param every updates of a row, at least 1
   */
  LossLog(Path runFolder, RunListener listener, long every) {
    this.folder = runFolder;
    this.listener = listener;
    this.every = every;
  }

  /**
   * A phase begins or goes on; rows of updates that will be made again are cut off.
   *
   * @param newPhase its title
   * @throws IOException in one line, when something else has the table's name
   */
  void begin(String newPhase, long done, long newTotal) throws IOException {
    close();
    phase = newPhase;
    first = done + 1;
    total = newTotal;
    wantsEvents = true;
    clear();
    table = open(LossTable.in(folder), done);
    RunTable held = HeldOutLoss.in(folder);
    if (Files.exists(held.file())) {
      heldOut = open(held, done);
    }
  }

  private AppendedFile open(RunTable known, long done) throws IOException {
    long length = known.lengthBefore(phase, done);
    AppendedFile file = AppendedFile.open(known.file(), length);
    if (length == 0) {
      file.append((known.header() + "\n").getBytes(StandardCharsets.UTF_8));
    }
    return file;
  }

  /** Writes what was measured on held-out examples after an update. */
  void heldOut(long update, HeldOutLoss loss) {
    try {
      if (heldOut == null) {
        heldOut = open(HeldOutLoss.in(folder), update);
      }
      heldOut.append(loss.line(phase, update));
      heldOut.force();
    } catch (IOException failure) {
      warn(failure);
    }
    show(update, Clock.systemUTC().millis() / MILLISECONDS, loss.curves());
  }

  private void clear() {
    updates = 0;
    losses = 0;
    norms = 0;
    lossSum = 0;
    normSum = 0;
  }

  /** Takes in an update; losses that are not finite count in no mean. */
  void update(long done, double loss, double learningRate, double gradientNorm) {
    updates++;
    lastUpdate = done;
    lastRate = learningRate;
    if (Double.isFinite(loss)) {
      losses++;
      lossSum += loss;
    }
    if (Double.isFinite(gradientNorm)) {
      norms++;
      normSum += gradientNorm;
    }
    if (done % every == 0 || done == total) {
      row();
    }
  }

  private void row() {
    double seconds = Clock.systemUTC().millis() / MILLISECONDS;
    LossTable.Row row =
        new LossTable.Row(phase, lastUpdate, lossSum / losses, lastRate, normSum / norms, seconds);
    clear();
    if (pending.size() < MOST_PENDING) {
      pending.add(row);
    }
    try {
      while (!pending.isEmpty()) {
        table.append(pending.getFirst().line());
        pending.removeFirst();
      }
    } catch (IOException failure) {
      warn(failure);
    }
    Map<String, Double> values = new TreeMap<>();
    values.put("loss", row.loss());
    values.put("learning rate", row.learningRate());
    values.put("gradient norm", row.gradientNorm());
    show(row.update(), seconds, values);
  }

  private void show(long update, double seconds, Map<String, Double> values) {
    if (!wantsEvents) {
      return;
    }
    try {
      if (events == null) {
        events = EventFile.begin(folder.resolve(EVENTS).resolve(name(phase)), first, seconds);
      }
      events.add(update, seconds, values);
    } catch (IOException failure) {
      wantsEvents = false;
      warn(failure);
    }
  }

  /** A phase's title as the name of a file. */
  static String name(String phase) {
    return phase.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
  }

  private void warn(IOException failure) {
    if (!warned) {
      warned = true;
      listener.note(failure.getMessage() + "; the training goes on");
    }
  }

  /** What came since the last row becomes one, and all rows are forced to disk. */
  void force() {
    if (updates > 0) {
      row();
    }
    try {
      table.force();
      if (events != null) {
        events.force();
      }
    } catch (IOException failure) {
      warn(new DataException(folder.resolve(LossTable.FILE), failure.getMessage(), failure));
    }
  }

  @Override
  public void close() {
    try (AppendedFile _ = table;
        AppendedFile _ = heldOut;
        EventFile _ = events) {
      pending.clear();
    } catch (IOException failure) {
      warn(failure);
    } finally {
      table = null;
      heldOut = null;
      events = null;
    }
  }
}
