package org.halfstep.device.cuda;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Launch;
import org.halfstep.device.Sequence;
import org.halfstep.device.cuda.driver.Driver;

/**
 * Launches as a CUDA graph. The first run launches them one by one: libraries load their kernels
 * then, which must not happen while a stream is recorded. The second run records them; from then on
 * a run is one launch.
 */
final class RecordedSequence implements Sequence {
  /**
   * Launches in one graph: a driver keeps about a kilobyte for each. Only samplers of hundreds of
   * steps have more, and run as a few graphs.
   */
  static final int MOST_LAUNCHES = 1 << 15;

  private final CudaContext context;
  private final long stream;
  private final Launch[] launches;
  private boolean warm;
  private long[] graphs;
  private boolean closed;

  RecordedSequence(CudaContext context, long stream, List<Launch> launches) {
    this.context = context;
    this.stream = stream;
    List<Launch> all = new ArrayList<>();
    for (Launch launch : launches) {
      // A graph cannot be launched while another is recorded; what is in it can.
      if (launch instanceof RecordedSequence inner) {
        all.addAll(List.of(inner.launches));
      } else {
        all.add(launch);
      }
    }
    this.launches = all.toArray(Launch[]::new);
  }

  @Override
  public void run() {
    if (graphs != null) {
      Driver driver = context.driver();
      for (long graph : graphs) {
        driver.launchGraph(graph, stream);
      }
    } else if (warm) {
      record();
      run();
    } else {
      launch(0, launches.length);
      warm = true;
    }
  }

  private void record() {
    if (closed) {
      throw new IllegalStateException("the operations of this sequence are closed");
    }
    List<Long> recorded = new ArrayList<>();
    try {
      for (int begin = 0; begin < launches.length; begin += MOST_LAUNCHES) {
        int first = begin;
        int end = Math.min(launches.length, begin + MOST_LAUNCHES);
        recorded.add(context.capture(stream, () -> launch(first, end)));
      }
    } catch (RuntimeException | Error failure) {
      recorded.forEach(context.driver()::destroyGraph);
      throw failure;
    }
    graphs = recorded.stream().mapToLong(Long::longValue).toArray();
  }

  private void launch(int begin, int end) {
    for (int i = begin; i < end; i++) {
      launches[i].run();
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      if (graphs != null) {
        context.driver().makeCurrent();
        for (long graph : graphs) {
          context.driver().destroyGraph(graph);
        }
        graphs = null;
        warm = false;
      }
    }
  }
}
