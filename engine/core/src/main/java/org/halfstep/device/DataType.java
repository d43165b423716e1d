package org.halfstep.device;

import java.util.Set;

/**
 * How numbers are stored, and how convolutions and matrix products multiply them. Parameters in
 * training and statistics are always {@link #F32}.
 */
public enum DataType {
  F32(4),

  /**
   * Stored like {@link #F32}; products round their factors to 10 bits after the point (TF32) and
   * add in float32. On NVIDIA GPUs only.
   */
  TF32(4),

  BF16(2),

  /** Weights in files and packed from them; they are widened to {@link #F32} as they are used. */
  F16(2),

  /** Quantized activations: a byte q stands for (q - zero point) * scale. */
  U8(1),

  /** Weights of int8 networks in files: a byte stands for itself times its channel's scale. */
  I8(1),

  /** Numbers of labels. */
  I32(4);

  private static final Set<DataType> STORED_AS_FLOATS = Set.of(F32, TF32);

  private final int bytes;

  DataType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether numbers of the two types are the same in memory: one may be read as the other. */
  public boolean storedLike(DataType other) {
    return this == other || STORED_AS_FLOATS.contains(this) && STORED_AS_FLOATS.contains(other);
  }
}
