package org.halfstep.device;

/**
 * How activations are stored, and how convolutions and matrix products multiply them. Parameters,
 * statistics and optimizer state are always {@link #F32}.
 */
public enum DataType {
  F32(4),

  /**
   * Stored like {@link #F32}; products round their factors to 10 bits after the point (TF32) and
   * add in float32. On NVIDIA GPUs only.
   */
  TF32(4),

  BF16(2),

  /** Quantized activations: a byte q stands for (q - zero point) * scale. */
  U8(1);

  private final int bytes;

  DataType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether numbers of the two types are the same in memory. */
  public boolean storedLike(DataType other) {
    return bytes == other.bytes;
  }
}
