package org.halfstep.sample;

import java.lang.foreign.MemorySegment;

/**
 * A picture that sampling begins with, as the network sees it.
 *
 * @param values float32, NHWC, one for each image of the request
 * @param painted for each pixel of {@code values}, of height x width, whether it is painted anew
 *     while the others are led back to the picture after each step; null to lead none back
 * @param isStart whether {@code values} are noisy already: the first step begins with them as they
 *     are
 */
record KnownImage(MemorySegment values, boolean[] painted, boolean isStart) {
  /** A clean picture. */
  KnownImage(MemorySegment values, boolean[] painted) {
    this(values, painted, false);
  }

  /** What the first step of each image begins with. */
  static KnownImage start(MemorySegment values) {
    return new KnownImage(values, null, true);
  }
}
