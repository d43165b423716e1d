package org.halfstep.device.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.halfstep.bindings.CublasLtException;
import org.halfstep.bindings.CudnnException;
import org.halfstep.bindings.KernelException;
import org.halfstep.device.Launch;
import org.halfstep.device.Sequence;
import org.halfstep.device.TracedLaunch;
import org.halfstep.device.cuda.driver.CudaException;
import org.halfstep.device.cuda.driver.Driver;

/**
 * Launches as a CUDA graph. The first run launches them one by one: libraries load their kernels
 * then, which must not happen while a stream is recorded. The second run records them; from then on
 * a run is one launch. Where something cannot be recorded, launches stay single: slower, and right.
 */
final class RecordedSequence implements Sequence {
  /**
   * Launches in one graph: a driver keeps about a kilobyte for each. Only samplers of hundreds of
   * steps have more, and run as a few graphs.
   */
  static final int MOST_LAUNCHES = 1 << 15;

  /** System property: "off" launches one by one, for comparisons. */
  static final String GRAPHS = "halfstep.graphs";

  private static final System.Logger LOG = System.getLogger(RecordedSequence.class.getName());
  private static final AtomicBoolean SAID = new AtomicBoolean();

  private final CudaContext context;
  private final long stream;
  private final Launch[] launches;
  private boolean warm;
  private boolean single = "off".equals(System.getProperty(GRAPHS));
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
    } else if (warm && !single && record()) {
      run();
    } else {
      if (!warm && TracedLaunch.isOn()) {
        launchAndWait(launches, context.driver(), stream);
      } else {
        launch(0, launches.length);
      }
      warm = true;
    }
  }

  /** Whether there are graphs now. */
  private boolean record() {
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
    } catch (CudaException | CudnnException | CublasLtException | KernelException refused) {
      recorded.forEach(context.driver()::destroyGraph);
      single = true;
      if (!SAID.getAndSet(true)) {
        LOG.log(
            System.Logger.Level.WARNING,
            "a CUDA graph could not be recorded ("
                + refused.getMessage()
                + "): kernels are launched one by one, which is slower");
      }
      return false;
    } catch (RuntimeException | Error failure) {
      recorded.forEach(context.driver()::destroyGraph);
      throw failure;
    }
    graphs = recorded.stream().mapToLong(Long::longValue).toArray();
    return true;
  }

  /**
   * Waits after each launch.
   *
   * @throws IllegalStateException naming the step that failed, with the driver's words
   */
  static void launchAndWait(Launch[] launches, Driver driver, long stream) {
    for (int i = 0; i < launches.length; i++) {
      try {
        launches[i].run();
        driver.synchronizeStream(stream);
      } catch (CudaException | CudnnException | CublasLtException | KernelException failure) {
        throw new IllegalStateException(
            "launch "
                + (i + 1)
                + " of "
                + launches.length
                + ", "
                + TracedLaunch.nameOf(launches[i])
                + ": "
                + failure.getMessage(),
            failure);
      }
    }
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
