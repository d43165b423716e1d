package org.halfstep.device;

/**
 * Storage types of activations. Parameters, statistics and optimizer state are always {@link #F32}.
 */
public enum DataType {
  F32(4),
  BF16(2);

  private final int bytes;

  DataType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }
}
