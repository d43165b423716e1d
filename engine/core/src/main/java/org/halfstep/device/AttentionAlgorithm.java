package org.halfstep.device;

/** What computes attention on a GPU. */
public enum AttentionAlgorithm {
  /** cuDNN where it has an engine for the shape that is expected to be faster, else our own. */
  FASTEST,

  /** Our own kernels only. */
  OWN
}
