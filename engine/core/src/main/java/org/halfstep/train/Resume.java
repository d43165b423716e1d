package org.halfstep.train;

/** Which checkpoint a run continues from. */
public enum Resume {
  /** The newest; a damaged one is refused, and the line says whether the one before it is whole. */
  NEWEST,
  /**
   * The one before the newest when the newest is damaged, which is set aside and not deleted; else
   * the newest.
   */
  PREVIOUS_IF_DAMAGED
}
