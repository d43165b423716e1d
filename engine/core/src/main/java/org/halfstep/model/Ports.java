package org.halfstep.model;

import org.halfstep.graph.Value;

/**
 * The inputs and outputs of a network's graph, by what they are: what a caller binds its memory to.
 * Each architecture has a record of its own.
 */
public interface Ports {
  /** What the network computes. */
  Value out();
}
