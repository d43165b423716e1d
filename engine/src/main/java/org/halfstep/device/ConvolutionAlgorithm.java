package org.halfstep.device;

/** How a processor computes 3x3 convolutions in float32. */
public enum ConvolutionAlgorithm {
  /** For each shape the fastest: one of Winograd's algorithms, or direct sums. */
  FASTEST,

  /** Direct sums only. */
  DIRECT,

  /** Winograd's F(2x2, 3x3) wherever it can be used; for measurements and tests. */
  WINOGRAD2,

  /** Winograd's F(4x4, 3x3) wherever it can be used; for measurements and tests. */
  WINOGRAD4
}
