package org.halfstep.device.cuda.cudnn;

import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The plans of one set of operations. Each operation announces here what it will need as soon as it
 * knows, which costs nothing; when the first plan is asked for, all that were announced are made
 * side by side. So the plans of a whole network are compiled on all cores, and a network that is
 * only measured compiles none. What nobody announced is made when it is asked for. Not thread-safe,
 * as operations are not.
 */
final class WantedPlans {
  private final Consumer<PlanRequest> start;
  private final Function<PlanRequest, Optional<CudnnPlan>> find;
  private final Set<PlanRequest> announced = new LinkedHashSet<>();

  private boolean training;

  /**
   * @param start {@link CudnnPlanner#start}
   * @param find {@link CudnnPlanner#find}
   */
  WantedPlans(Consumer<PlanRequest> start, Function<PlanRequest, Optional<CudnnPlan>> find) {
    this.start = start;
    this.find = find;
  }

  /** Says that the operations are those of a network in training. */
  void announceTraining() {
    training = true;
  }

  /** Whether somebody said so by now. */
  boolean training() {
    return training;
  }

  void announce(PlanRequest request) {
    announced.add(request);
  }

  /** A plan, closed with the planner; empty if cuDNN has none. */
  Optional<CudnnPlan> find(PlanRequest request) {
    announced.forEach(start);
    announced.clear();
    return find.apply(request);
  }

  /**
   * A plan that must exist.
   *
   * @throws IllegalStateException if cuDNN has none, with what it said
   */
  CudnnPlan require(PlanRequest request) {
    return find(request)
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "cuDNN has no engine for "
                        + request.operation()
                        + " with a workspace up to "
                        + request.workspaceLimit()
                        + " bytes; CUDNN_LOGLEVEL_DBG=2 and CUDNN_LOGDEST_DBG=stderr show its"
                        + " reasons"));
  }
}
