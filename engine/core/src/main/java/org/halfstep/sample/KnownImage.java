package org.halfstep.sample;

import java.lang.foreign.MemorySegment;

/**
 * A picture that sampling begins with, as the network sees it.
 *
 * @param values float32, NHWC: one image for all, or one for each of the request
 * @param isShared whether it is one for all
 * @param painted for each pixel of {@code values}, of height x width, whether it is painted anew
 *     while the others are led back to the picture after each step; null to lead none back
 */
record KnownImage(MemorySegment values, boolean isShared, boolean[] painted) {}
