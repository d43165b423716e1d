package org.halfstep.diffusion;

/**
 * How time enters a network: the sinusoidal embedding takes {@code 1000 t}, for the range 0 .. 1000
 * that the public guided-diffusion networks were made for.
 *
 * <p>Salimans and Ho feed {@code 1000 phi(t) / (pi / 2)}. With the truncated cosine schedule that
 * differs from 1000 t by at most 0.03, and plain time makes the grid i/N exact.
 */
public final class TimeInput {
  /** Network units per unit of time. */
  public static final double SCALE = 1000;

  private TimeInput() {}

  /** The network's time input for t in 0 .. 1. */
  public static double of(double t) {
    return SCALE * t;
  }
}
