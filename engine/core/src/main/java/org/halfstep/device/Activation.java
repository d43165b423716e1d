package org.halfstep.device;

/** A function of single numbers. */
public enum Activation {
  /** The number itself. */
  NONE,
  /** {@code x sigmoid(x)}. */
  SILU,
  /** {@code max(x, 0)}. */
  RELU
}
