package org.halfstep.device.cuda.cudnn;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Threads that make plans, each at a time with a {@link CudnnTarget} that no other thread uses:
 * cuDNN may be called by many threads, but not with one handle. They end when there is nothing to
 * do; the targets stay for those that come next.
 */
final class PlanningThreads implements AutoCloseable {
  /** System property: how many; all processors when it is not set. */
  static final String COUNT = "halfstep.planners";

  private static final int MOST = 1024;
  private static final long IDLE_SECONDS = 5;

  private final Runnable attach;
  private final Supplier<CudnnTarget> targets;
  private final ConcurrentLinkedDeque<CudnnTarget> idle = new ConcurrentLinkedDeque<>();
  private final List<CudnnTarget> made = new ArrayList<>();
  private final ThreadPoolExecutor executor;

  /**
   * @param count threads, at least 1
   * @param attach makes the device usable in the thread that calls it
   * @param targets makes a target; called at most {@code count} times
   */
  PlanningThreads(int count, Runnable attach, Supplier<CudnnTarget> targets) {
    this.attach = attach;
    this.targets = targets;
    this.executor =
        new ThreadPoolExecutor(
            count,
            count,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().name("cudnn-planner-", 0).daemon().factory());
    executor.allowCoreThreadTimeOut(true);
  }

  /**
   * What {@link #COUNT} says.
   *
   * @throws IllegalArgumentException if that is not a number of threads
   */
  static int count() {
    String text = System.getProperty(COUNT);
    if (text == null) {
      return Runtime.getRuntime().availableProcessors();
    }
    try {
      int count = Integer.parseInt(text.strip());
      if (count >= 1 && count <= MOST) {
        return count;
      }
    } catch (NumberFormatException notNumber) {
      // Told below.
    }
    throw new IllegalArgumentException(
        "system property " + COUNT + " is a number of threads, 1 to " + MOST + ", not: " + text);
  }

  /** Runs work in one of the threads as soon as one is free, if it is not cancelled by then. */
  <T> CompletableFuture<T> submit(Function<CudnnTarget, T> work) {
    return CompletableFuture.supplyAsync(() -> withTarget(work), executor);
  }

  private <T> T withTarget(Function<CudnnTarget, T> work) {
    attach.run();
    CudnnTarget free = idle.poll();
    CudnnTarget target = free == null ? make() : free;
    try {
      return work.apply(target);
    } finally {
      idle.push(target);
    }
  }

  /** One at a time, as cuDNN asks for. */
  private CudnnTarget make() {
    synchronized (made) {
      CudnnTarget target = targets.get();
      made.add(target);
      return target;
    }
  }

  /** Waits for what was submitted: a compilation cannot be stopped. */
  @Override
  public void close() {
    executor.close();
    synchronized (made) {
      made.forEach(CudnnTarget::close);
      made.clear();
    }
  }
}
