package org.halfstep.graph;

/**
 * What comes between the values that a convolution reads and its sums: a group normalisation, then
 * dropout in training.
 *
 * @param norm reads the sources
 * @param normalised its result; it has memory only where somebody wants it as such
 * @param dropout null for none
 * @param dropped what the sums read: {@code normalised} where there is no dropout
 */
record Prologue(GroupNorm norm, Value normalised, Dropout dropout, Value dropped) {
  /** Whether a plan can leave it to the convolution, which then reads the sources. */
  boolean canBeTakenOver(PlanBuilder plan) {
    return !drops(plan) && !plan.isKept(normalised) && !plan.isKept(dropped);
  }

  /** Whether a plan drops numbers between normalisation and sums. */
  boolean drops(PlanBuilder plan) {
    return dropout != null && plan.training();
  }
}
