package org.halfstep.graph;

/** What a step may leave beside a value for a later step. */
enum Companion {
  /** Mean and squared deviations per sample and channel, from which a normalisation follows. */
  MOMENTS,
  /** The factors by which a value is made from others; they may be all that there is of it. */
  TABLE
}
