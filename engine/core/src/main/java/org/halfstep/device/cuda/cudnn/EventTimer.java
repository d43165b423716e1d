package org.halfstep.device.cuda.cudnn;

import java.util.Arrays;
import java.util.List;
import org.halfstep.bindings.CudnnException;
import org.halfstep.device.Owned;
import org.halfstep.device.cuda.driver.CudaException;
import org.halfstep.device.cuda.driver.Driver;

/**
 * Takes the time of work on a stream by the GPU's own clock. Each piece of work is recorded a few
 * times in a graph, as it will run, since a single short kernel would be timed with the host's
 * delay before it. The pieces take turns, so that a clock that rises meanwhile favours none; the
 * least time of a piece counts. Its memory stays in the GPU's caches from run to run where it fits.
 */
final class EventTimer {
  /** Turns that count; the one before them does not. */
  static final int ROUNDS = 5;

  private static final int MOST_RUNS = 10;
  private static final int LEAST_RUNS = 2;

  /** About what one turn should take. */
  private static final double TURN_MICROSECONDS = 500;

  /** A piece this many times as slow as the best after one turn gets no other. */
  private static final double HOPELESS = 2;

  private final Driver driver;
  private final long stream;
  private final Owned owned = new Owned();
  private long begin;
  private long end;

  /**
   * @param stream of its own, so that waiting for it waits for nothing else
   */
  EventTimer(Driver driver, long stream) {
    this.driver = driver;
    this.stream = stream;
  }

  /**
   * Microseconds of each piece of work; NaN for one that failed.
   *
   * @param work launches something on the stream, the same each time
   */
  double[] microseconds(List<Runnable> work) {
    try (owned) {
      begin = event();
      end = event();
      Recorded[] recorded = new Recorded[work.size()];
      for (int i = 0; i < recorded.length; i++) {
        recorded[i] = record(work.get(i));
      }
      double[] best = new double[recorded.length];
      Arrays.fill(best, Double.NaN);
      turn(recorded, new double[recorded.length]);
      for (int round = 0; round < ROUNDS; round++) {
        turn(recorded, best);
        dropHopeless(recorded, best);
      }
      return best;
    }
  }

  /** Runs of one piece in a graph; null in place of it for one that failed or is out. */
  private record Recorded(long graph, int runs) {}

  private long event() {
    long event = driver.createTimedEvent();
    owned.add(() -> driver.destroyEvent(event));
    return event;
  }

  /** Runs it twice: what is loaded at a first run must not be loaded while it is recorded. */
  private Recorded record(Runnable work) {
    try {
      work.run();
      double once = elapsed(work);
      int runs = (int) Math.clamp(TURN_MICROSECONDS / once, LEAST_RUNS, MOST_RUNS);
      long graph =
          driver.capture(
              stream,
              () -> {
                for (int run = 0; run < runs; run++) {
                  work.run();
                }
              });
      owned.add(() -> driver.destroyGraph(graph));
      return new Recorded(graph, runs);
    } catch (CudaException | CudnnException failed) {
      return null;
    }
  }

  /** Microseconds on the device. */
  private double elapsed(Runnable work) {
    driver.recordEvent(begin, stream);
    work.run();
    driver.recordEvent(end, stream);
    driver.synchronizeStream(stream);
    return 1e3 * driver.elapsedMilliseconds(begin, end);
  }

  private void turn(Recorded[] recorded, double[] best) {
    for (int i = 0; i < recorded.length; i++) {
      Recorded each = recorded[i];
      if (each == null) {
        continue;
      }
      try {
        double time = elapsed(() -> driver.launchGraph(each.graph(), stream)) / each.runs();
        best[i] = Double.isNaN(best[i]) ? time : Math.min(best[i], time);
      } catch (CudaException failed) {
        recorded[i] = null;
        best[i] = Double.NaN;
      }
    }
  }

  private static void dropHopeless(Recorded[] recorded, double[] best) {
    double least = Arrays.stream(best).filter(time -> !Double.isNaN(time)).min().orElse(0);
    for (int i = 0; i < recorded.length; i++) {
      if (best[i] > HOPELESS * least) {
        recorded[i] = null;
      }
    }
  }
}
