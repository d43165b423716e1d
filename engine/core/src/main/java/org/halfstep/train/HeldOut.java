package org.halfstep.train;

import org.halfstep.text.TokenTable;

/**
 * Examples that are not learned from, for what is measured while a network is trained.
 *
 * @param examples held out
 * @param captions of theirs, which have numbers of their own; null where conditions are classes
 */
public record HeldOut(Examples examples, TokenTable captions) {
  public HeldOut {
    if (examples == null || captions != null && captions.texts() != examples.conditions()) {
      throw new IllegalArgumentException(
          "held-out examples have captions of their own, all of them");
    }
  }

  /** A network that is told their conditions; the network stays the caller's. */
  public ConditionedNetwork told(ConditionedNetwork network) {
    return captions == null ? network : network.telling(captions);
  }
}
