package org.halfstep.latent;

import org.halfstep.device.DataType;
import org.halfstep.graph.WeightUse;

/**
 * How a first stage runs.
 *
 * @param precision of activations; null for the device's default
 * @param use what the packed weights of each half may take, 512 MiB where it is the usual memory,
 *     and how many images it makes; less memory means slower convolutions
 * @param tiling how large pictures are cut; null for never
 */
public record FirstStageOptions(DataType precision, WeightUse use, Tiling tiling) {
  private static final long USUAL_MEMORY = 512L << 20;

  /** The use with the memory that it means. */
  WeightUse limited() {
    return use.memory() == WeightUse.USUAL_MEMORY
        ? new WeightUse(USUAL_MEMORY, use.evaluations())
        : use;
  }

  /** In the device's precision, with the default memory, every picture whole. */
  public static FirstStageOptions standard() {
    return new FirstStageOptions(null, WeightUse.standard(), null);
  }

  /** The same in another precision; null for the device's default. */
  public FirstStageOptions withPrecision(DataType type) {
    return new FirstStageOptions(type, use, tiling);
  }

  /** The same with another limit on the memory of packed weights, in bytes; 0 for the default. */
  public FirstStageOptions withMemory(long bytes) {
    return withUse(new WeightUse(bytes, use.evaluations()));
  }

  /** The same with other memory, and for another number of images. */
  public FirstStageOptions withUse(WeightUse other) {
    return new FirstStageOptions(precision, other, tiling);
  }

  /** The same with pictures cut; null for never. */
  public FirstStageOptions withTiling(Tiling tiles) {
    return new FirstStageOptions(precision, use, tiles);
  }
}
