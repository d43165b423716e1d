package org.halfstep.graph;

/**
 * What a profile says of a step.
 *
 * @param label the op and its part
 * @param kind what steps are grouped by: "conv3 forward", "group norm backward", …
 * @param flops floating-point operations in the direct form, 0 where memory traffic is what counts
 * @param flopsDone those of the algorithm that computes it
 * @param bytes bytes read and written at least once
 */
public record StepInfo(String label, String kind, long flops, long flopsDone, long bytes) {
  /** A step that is computed in the direct form. */
  StepInfo(String label, String kind, long flops, long bytes) {
    this(label, kind, flops, flops, bytes);
  }

  static StepInfo memory(String label, String kind, long bytes) {
    return new StepInfo(label, kind, 0, bytes);
  }
}
