package org.halfstep.sample;

/**
 * Where the steps of a request begin.
 *
 * @param steps how many are run
 * @param of how many were asked for
 * @param timeInput what the network is told of the first one's time: its level, in a discrete
 *     schedule
 * @param sigma scale of the noise there; 1 for noise alone
 */
public record Beginning(int steps, int of, double timeInput, double sigma) {}
