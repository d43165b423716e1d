package org.halfstep.sample;

import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceOptions;
import org.halfstep.device.Devices;

/**
 * Where and how a {@link DiffusionModel} runs.
 *
 * @param device where it runs, which stays the caller's; null for one of the model's own: the first
 *     GPU where one works, else the CPU ({@link Devices#standard})
 * @param ownDevice how a device of the model's own computes; ignored when a device is given
 * @param maxBatch largest number of images evaluated together, a power of two; memory grows with it
 * @param precision how networks compute, of a latent model all of its parts but those that {@link
 *     LatentOptions} names another one for; null for the device's default
 * @param memory bytes that packed weights may take, 0 for 1.6 times the model's file and at least
 *     384 MiB; less memory means slower convolutions. Of a latent model's networks each may take so
 *     many
 * @param latent how the parts of a latent model are read and kept
 */
public record ModelOptions(
    Device device,
    DeviceOptions ownDevice,
    int maxBatch,
    DataType precision,
    long memory,
    LatentOptions latent) {
  /** Images evaluated together by default. */
  public static final int DEFAULT_MAX_BATCH = 16;

  /** Most images evaluated together. */
  public static final int MOST_BATCH = 1 << 16;

  public ModelOptions {
    if (memory < 0) {
      throw new IllegalArgumentException(
          "memory for packed weights must be at least 1 byte, or 0 for the default, got " + memory);
    }
    requireBatch(maxBatch);
  }

  /** Fails unless it is a power of two, at most {@value #MOST_BATCH}. */
  static void requireBatch(int images) {
    if (images < 1 || images > MOST_BATCH || Integer.bitCount(images) != 1) {
      throw new IllegalArgumentException(
          "the largest batch must be a power of two from 1 to " + MOST_BATCH + ", got " + images);
    }
  }

  /** A device of the model's own, batches of up to {@value #DEFAULT_MAX_BATCH} images. */
  public static ModelOptions standard() {
    return new ModelOptions(
        null, DeviceOptions.standard(), DEFAULT_MAX_BATCH, null, 0, LatentOptions.standard());
  }

  /** The same on a device of the caller's, which must outlive the model. */
  public ModelOptions withDevice(Device newDevice) {
    return new ModelOptions(newDevice, ownDevice, maxBatch, precision, memory, latent);
  }

  /** The same with a device of the model's own that computes in another way. */
  public ModelOptions withOwnDevice(DeviceOptions options) {
    return new ModelOptions(device, options, maxBatch, precision, memory, latent);
  }

  /** The same with another number of threads of the model's own CPU, 0 for one per core. */
  public ModelOptions withThreads(int number) {
    return new ModelOptions(
        device, ownDevice.withThreads(number), maxBatch, precision, memory, latent);
  }

  /** The same with another largest batch, a power of two. */
  public ModelOptions withMaxBatch(int images) {
    return new ModelOptions(device, ownDevice, images, precision, memory, latent);
  }

  /** The same in another precision; null for the device's default. */
  public ModelOptions withPrecision(DataType type) {
    return new ModelOptions(device, ownDevice, maxBatch, type, memory, latent);
  }

  /**
   * The same with another way to compute convolutions: {@link ConvolutionAlgorithm#DIRECT} rounds
   * as plain sums do, at more than half again the time.
   */
  public ModelOptions withConvolutions(ConvolutionAlgorithm algorithm) {
    return new ModelOptions(
        device, ownDevice.withConvolutions(algorithm), maxBatch, precision, memory, latent);
  }

  /** The same with another limit on the memory of packed weights, in bytes; 0 for the default. */
  public ModelOptions withMemory(long bytes) {
    return new ModelOptions(device, ownDevice, maxBatch, precision, bytes, latent);
  }

  /** The same with the parts of a latent model read and kept in another way. */
  public ModelOptions withLatent(LatentOptions options) {
    return new ModelOptions(device, ownDevice, maxBatch, precision, memory, options);
  }
}
