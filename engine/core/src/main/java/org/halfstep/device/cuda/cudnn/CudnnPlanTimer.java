package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.CudnnException;
import org.halfstep.device.Owned;
import org.halfstep.device.cuda.driver.Driver;

/**
 * Times plans of cuDNN on a GPU, on a stream and in memory of their own. It waits for that stream
 * alone: cuDNN records graphs while it plans in other threads, and waiting for those is refused.
 */
final class CudnnPlanTimer implements PlanTimer, AutoCloseable {
  private final Driver driver;
  private final MemorySegment pattern;

  /**
   * Takes page-locked memory now, while nothing is planned.
   *
   * @param driver its context must be current in every thread that times something
   */
  CudnnPlanTimer(Driver driver) {
    this.driver = driver;
    this.pattern = driver.allocatePinned(TrialMemory.PATTERN_BYTES);
    TrialMemory.fill(pattern);
  }

  @Override
  public boolean canRun(CudnnTarget target) {
    return target.properties() == null && target.handle() != 0;
  }

  @Override
  public double[] microseconds(
      CudnnTarget target, CudnnGraphSpec operation, List<CudnnPlan> plans) {
    long workspaceBytes = plans.stream().mapToLong(CudnnPlan::workspaceBytes).max().orElse(0);
    try (Owned owned = new Owned()) {
      long stream = driver.createStream();
      owned.add(() -> driver.destroyStream(stream));
      owned.add(() -> driver.synchronizeStream(stream));
      TrialMemory memory =
          owned.add(new TrialMemory(driver, stream, operation.tensors(), workspaceBytes, pattern));
      Tensors tensors = Tensors.of(operation, memory, owned.add(Arena.ofShared()));
      MemorySegment handle = MemorySegment.ofAddress(target.handle());
      Cudnn.cudnnSetStream(handle, MemorySegment.ofAddress(stream));
      owned.add(() -> Cudnn.cudnnSetStream(handle, MemorySegment.NULL));
      List<Runnable> work = new ArrayList<>();
      for (CudnnPlan plan : plans) {
        work.add(run(owned, handle, plan, tensors, memory.workspace()));
      }
      return new EventTimer(driver, stream).microseconds(work);
    }
  }

  /** The ids of a graph's tensors and where they are. */
  private record Tensors(long[] ids, long[] addresses) {
    /**
     * @param numbers keeps what is read from the host's memory
     */
    static Tensors of(CudnnGraphSpec operation, TrialMemory memory, Arena numbers) {
      List<Long> ids = new ArrayList<>();
      List<Long> addresses = new ArrayList<>();
      for (TrialMemory.Tensor tensor : operation.tensors()) {
        ids.add(tensor.id());
        addresses.add(memory.address(tensor.id()));
      }
      for (Map.Entry<Long, Float> number : operation.numbers().entrySet()) {
        ids.add(number.getKey());
        addresses.add(numbers.allocateFrom(ValueLayout.JAVA_FLOAT, number.getValue()).address());
      }
      return new Tensors(
          ids.stream().mapToLong(Long::longValue).toArray(),
          addresses.stream().mapToLong(Long::longValue).toArray());
    }
  }

  /** A run of a plan, which throws where the plan does not take its memory. */
  private static Runnable run(
      Owned owned, MemorySegment handle, CudnnPlan plan, Tensors tensors, long workspace) {
    CudnnDescriptor memory;
    try {
      memory = owned.add(CudnnPlan.variantPack(tensors.ids(), tensors.addresses(), workspace));
    } catch (CudnnException refused) {
      return () -> {
        throw refused;
      };
    }
    return () -> Cudnn.cudnnBackendExecute(handle, plan.descriptor().handle(), memory.handle());
  }

  @Override
  public void close() {
    driver.freePinned(pattern);
  }
}
