package org.halfstep.device.cuda.cudnn;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.halfstep.bindings.CudnnException;
import org.halfstep.device.cuda.driver.CudaException;

/**
 * Chooses the fastest of several plans by running them, those of one operation at a time in this
 * process: two that share a GPU would time each other. Thread-safe.
 */
final class EngineTrials {
  private static final System.Logger LOG = System.getLogger(EngineTrials.class.getName());
  private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock();

  private final PlanTimer timer;
  private final EngineLog log;
  private int operations;
  private long nanoseconds;
  private boolean warned;

  EngineTrials(PlanTimer timer, EngineLog log) {
    this.timer = timer;
    this.log = log;
  }

  /** Whether plans for a target can be timed. */
  boolean canRun(CudnnTarget target) {
    return timer.canRun(target);
  }

  /**
   * The fastest plan, of equal ones the first; an only one is not run. Empty if there is none or
   * none could be timed. Closes nothing.
   *
   * @param plans of this operation, the first of cuDNN's ranking first
   */
  Optional<CudnnPlan> fastest(CudnnTarget target, CudnnGraphSpec operation, List<CudnnPlan> plans) {
    if (plans.size() < 2) {
      return plans.stream().findFirst();
    }
    ONE_AT_A_TIME.lock();
    try {
      long start = System.nanoTime();
      double[] times = timer.microseconds(target, operation, plans);
      nanoseconds += System.nanoTime() - start;
      operations++;
      int best = fastest(times);
      log.add(operation, plans, times, best);
      return best < 0 ? Optional.empty() : Optional.of(plans.get(best));
    } catch (CudaException | CudnnException | IllegalStateException failure) {
      warn(operation, failure);
      return Optional.empty();
    } finally {
      ONE_AT_A_TIME.unlock();
    }
  }

  /** The index of the least time, -1 if there is none. */
  private static int fastest(double[] times) {
    int best = -1;
    for (int i = 0; i < times.length; i++) {
      if (!Double.isNaN(times[i]) && (best < 0 || times[i] < times[best])) {
        best = i;
      }
    }
    return best;
  }

  /** Once: what fails for one operation will fail for others. */
  private void warn(CudnnGraphSpec operation, RuntimeException failure) {
    if (!warned) {
      warned = true;
      LOG.log(
          System.Logger.Level.WARNING,
          "engines of cuDNN could not be timed ("
              + failure.getMessage()
              + "): the first of its ranking is taken for "
              + operation);
    }
  }

  /** "24 operations in 1.3 s". */
  String summary() {
    ONE_AT_A_TIME.lock();
    try {
      return String.format(Locale.ROOT, "%d operations in %.1f s", operations, nanoseconds / 1e9);
    } finally {
      ONE_AT_A_TIME.unlock();
    }
  }
}
