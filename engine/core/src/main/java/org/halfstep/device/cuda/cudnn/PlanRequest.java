package org.halfstep.device.cuda.cudnn;

/**
 * A plan that somebody needs.
 *
 * @param workspaceLimit bytes that it may ask for
 */
record PlanRequest(CudnnGraphSpec operation, long workspaceLimit) {
  /** Everything that the plan depends on, as text; more than the text of the operation. */
  String key(boolean deterministic, EngineChoice choice) {
    return operation
        + ", workspace up to "
        + workspaceLimit
        + (deterministic ? ", deterministic" : "")
        + (choice == EngineChoice.TIMED ? ", timed" : "");
  }
}
