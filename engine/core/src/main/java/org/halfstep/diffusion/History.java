package org.halfstep.diffusion;

import java.util.List;

/**
 * What a step of a multistep solver keeps of its prediction, and what it takes of those that were
 * kept before it.
 *
 * @param of what is kept: the predicted image, or the predicted noise
 * @param keeps whether later steps may read what this one predicts
 * @param onPrevious coefficients of what was kept, the latest first; none for a step by itself
 */
public record History(Parameterization of, boolean keeps, List<Double> onPrevious) {
  /** A step by itself, whose image later steps may read. */
  public static final History NONE = new History(Parameterization.X, true, List.of());

  /** Most predictions that a step reads beside its own. */
  public static final int MOST = 3;

  public History {
    onPrevious = List.copyOf(onPrevious);
    if (of == Parameterization.V) {
      throw new IllegalArgumentException("solvers keep images or noise, got V");
    }
    if (onPrevious.size() > MOST) {
      throw new IllegalArgumentException(
          "a step reads at most " + MOST + " earlier predictions, got " + onPrevious.size());
    }
  }

  /** Whether the step reads earlier predictions. */
  public boolean isRead() {
    return !onPrevious.isEmpty();
  }
}
