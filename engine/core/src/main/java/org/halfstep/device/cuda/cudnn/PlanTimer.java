package org.halfstep.device.cuda.cudnn;

import java.util.List;

/** Runs plans and takes their time. */
interface PlanTimer {
  /** Whether plans for a target can be run: a GPU that is only described runs nothing. */
  boolean canRun(CudnnTarget target);

  /**
   * How long a run of each plan takes, in microseconds; NaN for one that does not run.
   *
   * @param plans of this operation
   * @throws IllegalStateException if none can be run, as for lack of memory
   */
  double[] microseconds(CudnnTarget target, CudnnGraphSpec operation, List<CudnnPlan> plans);
}
