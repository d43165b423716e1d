package org.halfstep.sample;

import org.halfstep.device.Device;

/**
 * Where and how a {@link DiffusionModel} runs.
 *
 * @param device where it runs, which stays the caller's; null for a CPU of the model's own
 * @param threads threads of the model's own CPU, 0 for one per core; ignored when a device is given
 * @param maxBatch largest number of images evaluated together, a power of two; memory grows with it
 */
public record ModelOptions(Device device, int threads, int maxBatch) {
  /** Images evaluated together unless asked otherwise. */
  public static final int DEFAULT_MAX_BATCH = 16;

  public ModelOptions {
    if (threads < 0) {
      throw new IllegalArgumentException(
          "threads must be at least 1, or 0 for one per core, got " + threads);
    }
    if (maxBatch < 1 || Integer.bitCount(maxBatch) != 1) {
      throw new IllegalArgumentException(
          "the largest batch must be a power of two, got " + maxBatch);
    }
  }

  /** All cores of the CPU, batches of up to {@value #DEFAULT_MAX_BATCH} images. */
  public static ModelOptions standard() {
    return new ModelOptions(null, 0, DEFAULT_MAX_BATCH);
  }

  /** The same on a device of the caller's, which must outlive the model. */
  public ModelOptions withDevice(Device newDevice) {
    return new ModelOptions(newDevice, threads, maxBatch);
  }

  /** The same with another number of threads, 0 for one per core. */
  public ModelOptions withThreads(int number) {
    return new ModelOptions(device, number, maxBatch);
  }

  /** The same with another largest batch, a power of two. */
  public ModelOptions withMaxBatch(int images) {
    return new ModelOptions(device, threads, images);
  }
}
