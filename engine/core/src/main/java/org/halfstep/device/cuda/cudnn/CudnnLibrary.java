package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Owned;
import org.halfstep.device.cuda.driver.Driver;

/**
 * cuDNN on one device: its handle, and the plans of the shapes in use. The device's context must be
 * current in every thread that calls this or runs a launch. Thread-safe; it must outlive the
 * operations made with it.
 */
public final class CudnnLibrary implements AutoCloseable {
  private final Kernels kernels;
  private final boolean deterministic;
  private final MemorySegment handle;
  private final CudnnPlanner planner;
  private final EngineSearch engines;
  private final Owned timing = new Owned();
  private boolean closed;

  /**
   * Makes a handle on the current context; the library is loaded.
   *
   * @param kernels our own for this device
   * @param driver the GPU's, whose context is current in this thread
   * @param deterministic whether the same input must give the same bits in every run
   * @param environment what plans in the cache are valid for
   * @throws IllegalArgumentException if {@link PlanningThreads#COUNT} is not a number of threads,
   *     or {@link EngineChoice#PROPERTY} is not a choice
   */
  public CudnnLibrary(Kernels kernels, Driver driver, boolean deterministic, String environment) {
    this.kernels = kernels;
    this.deterministic = deterministic;
    int planners = PlanningThreads.count();
    EngineChoice choice = EngineChoice.of(deterministic);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      Cudnn.cudnnCreate(out);
      this.handle = out.get(ValueLayout.ADDRESS, 0);
    }
    Optional<EngineTrials> trials =
        choice == EngineChoice.TIMED
            ? Optional.of(
                new EngineTrials(timing.add(new CudnnPlanTimer(driver)), EngineLog.named()))
            : Optional.empty();
    this.engines =
        new EngineSearch(
            deterministic, new CudnnPlanCache(CudnnPlanCache.defaultFolder(), environment), trials);
    this.planner =
        new CudnnPlanner(
            engines::plan,
            new PlanningThreads(planners, driver::makeCurrent, CudnnTarget::current));
  }

  /**
   * What cuDNN computes, with launches that go to a stream.
   *
   * @param stream a {@code CUstream}
   */
  public CudnnOperations operations(MemorySegment stream) {
    WantedPlans plans = new WantedPlans(planner::start, planner::find);
    return new CudnnOperations(this, plans, kernels, stream, deterministic);
  }

  /** Whether engines are chosen by timing. */
  public boolean isTimed() {
    return engines.isTimed();
  }

  /** How engines are chosen, and what was timed by now, for people. */
  public String engines() {
    return engines.description();
  }

  /** How many plans are made at a time, for people. */
  public static String planning() {
    return PlanningThreads.count() + " at a time (" + PlanningThreads.COUNT + ")";
  }

  /**
   * Runs a plan, whatever handle it was made with: this one only brings the stream. It is shared by
   * all streams, so a run sets its own.
   */
  synchronized void execute(MemorySegment stream, CudnnPlan plan, CudnnDescriptor variantPack) {
    Cudnn.cudnnSetStream(handle, stream);
    Cudnn.cudnnBackendExecute(handle, plan.descriptor().handle(), variantPack.handle());
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      planner.close();
      timing.close();
      Cudnn.cudnnDestroy(handle);
    }
  }
}
