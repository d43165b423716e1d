package org.halfstep.device;

/** A function of single numbers: an op of its own, or what follows a norm or a convolution. */
public enum Activation {
  /** The number itself. */
  NONE,
  /** {@code x sigmoid(x)}. */
  SILU,
  /** {@code max(x, 0)}; its slope at 0 is 0. */
  RELU,
  /**
   * {@code x (1 + erf(x / sqrt(2))) / 2}: x times what lies below it of the normal distribution.
   */
  GELU,
  /** {@code x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2}, which is close to {@link #GELU}. */
  GELU_TANH,
  /** {@code x sigmoid(1.702 x)}, which is less close to {@link #GELU}. */
  QUICK_GELU
}
