package org.halfstep.sample;

/**
 * What sampling does beside its steps.
 *
 * @param clip whether predicted images are limited to [-1, 1] before each step
 * @param isForeign whether noise is another program's, drawn by the host
 * @param begins whether the path begins with known pictures that were noised
 * @param leadsBack whether pixels are led back to them after each step
 */
record SamplingKind(boolean clip, boolean isForeign, boolean begins, boolean leadsBack) {
  /** Whether it is of this kind; compared without allocating. */
  boolean is(boolean otherClip, boolean foreign, boolean otherBegins, boolean otherLeadsBack) {
    return clip == otherClip
        && isForeign == foreign
        && begins == otherBegins
        && leadsBack == otherLeadsBack;
  }
}
