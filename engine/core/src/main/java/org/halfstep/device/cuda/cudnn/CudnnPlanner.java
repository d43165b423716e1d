package org.halfstep.device.cuda.cudnn;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.BiFunction;
import org.halfstep.device.Owned;

/**
 * Plans of cuDNN on one device, each made once, on disk from one process to the next, and many at a
 * time: an engine for one operation does not depend on what else is planned. Thread-safe.
 */
final class CudnnPlanner implements AutoCloseable {
  private final BiFunction<CudnnTarget, PlanRequest, Optional<CudnnPlan>> search;
  private final PlanningThreads threads;
  private final Map<PlanRequest, CompletableFuture<Optional<CudnnPlan>>> plans = new HashMap<>();
  private final Owned owned = new Owned();
  private boolean closed;

  /**
   * Takes over the threads.
   *
   * @param search makes a plan, closed by this planner, or finds that there is none
   */
  CudnnPlanner(
      BiFunction<CudnnTarget, PlanRequest, Optional<CudnnPlan>> search, PlanningThreads threads) {
    this.search = search;
    this.threads = threads;
  }

  /** Begins to make a plan, unless it is there or being made. */
  void start(PlanRequest request) {
    begun(request);
  }

  /**
   * A plan, closed with this planner; empty if cuDNN has none. Waits until it is made.
   *
   * @throws org.halfstep.bindings.CudnnException if cuDNN failed; it is asked again next time
   */
  Optional<CudnnPlan> find(PlanRequest request) {
    CompletableFuture<Optional<CudnnPlan>> plan = begun(request);
    try {
      return plan.join();
    } catch (CancellationException dropped) {
      throw closedException();
    } catch (CompletionException failed) {
      forget(request, plan);
      if (failed.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw failed;
    }
  }

  private synchronized CompletableFuture<Optional<CudnnPlan>> begun(PlanRequest request) {
    if (closed) {
      throw closedException();
    }
    return plans.computeIfAbsent(request, wanted -> threads.submit(target -> made(target, wanted)));
  }

  /** A plan, or none: then the one that will be asked for instead is begun at once. */
  private Optional<CudnnPlan> made(CudnnTarget target, PlanRequest wanted) {
    Optional<CudnnPlan> plan = keep(search.apply(target, wanted));
    if (plan.isEmpty()) {
      wanted
          .operation()
          .core()
          .ifPresent(core -> start(new PlanRequest(core, wanted.workspaceLimit())));
    }
    return plan;
  }

  private static IllegalStateException closedException() {
    return new IllegalStateException("the CUDA device is closed");
  }

  private synchronized void forget(
      PlanRequest request, CompletableFuture<Optional<CudnnPlan>> failed) {
    plans.remove(request, failed);
  }

  private synchronized Optional<CudnnPlan> keep(Optional<CudnnPlan> plan) {
    plan.ifPresent(owned::add);
    return plan;
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      plans.values().forEach(plan -> plan.cancel(false));
      plans.clear();
    }
    threads.close();
    owned.close();
  }
}
