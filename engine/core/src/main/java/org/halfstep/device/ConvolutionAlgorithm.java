package org.halfstep.device;

/**
 * How a processor computes convolutions in float32. Those of 1x1 pixels are plain sums in any case,
 * by our own kernels or oneDNN's.
 */
public enum ConvolutionAlgorithm {
  /** For each shape the fastest: one of Winograd's algorithms, or direct sums. */
  FASTEST,

  /** Direct sums only, all by oneDNN. */
  DIRECT,

  /** Our own kernels, with F(2x2, 3x3), wherever they can be used; for measurements and tests. */
  WINOGRAD2,

  /** Our own kernels, with F(4x4, 3x3), wherever they can be used; for measurements and tests. */
  WINOGRAD4
}
