package org.halfstep.latent;

import org.halfstep.device.DataType;

/**
 * How a first stage runs.
 *
 * @param precision of activations; null for the device's default
 * @param memory bytes that the packed weights of each half may take, 0 for 512 MiB; less memory
 *     means slower convolutions
 * @param tiling how large pictures are cut; null for never
 */
public record FirstStageOptions(DataType precision, long memory, Tiling tiling) {
  private static final long USUAL_MEMORY = 512L << 20;

  public FirstStageOptions {
    if (memory < 0) {
      throw new IllegalArgumentException(
          "memory for packed weights must be at least 1 byte, or 0 for the default, got " + memory);
    }
  }

  /** The limit on packed weights in bytes. */
  long limit() {
    return memory == 0 ? USUAL_MEMORY : memory;
  }

  /** In the device's precision, with the default memory, every picture whole. */
  public static FirstStageOptions standard() {
    return new FirstStageOptions(null, 0, null);
  }

  /** The same in another precision; null for the device's default. */
  public FirstStageOptions withPrecision(DataType type) {
    return new FirstStageOptions(type, memory, tiling);
  }

  /** The same with another limit on the memory of packed weights, in bytes; 0 for the default. */
  public FirstStageOptions withMemory(long bytes) {
    return new FirstStageOptions(precision, bytes, tiling);
  }

  /** The same with pictures cut; null for never. */
  public FirstStageOptions withTiling(Tiling tiles) {
    return new FirstStageOptions(precision, memory, tiles);
  }
}
