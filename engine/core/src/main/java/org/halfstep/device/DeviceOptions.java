package org.halfstep.device;

/**
 * How a device that is opened by name computes.
 *
 * @param threads threads of a CPU, 0 for one per core
 * @param convolutions how a CPU computes 3x3 convolutions
 * @param attention what computes attention on a GPU
 * @param deterministic whether the same training gives the same bits in every run on a GPU; on a
 *     CPU it always does
 */
public record DeviceOptions(
    int threads,
    ConvolutionAlgorithm convolutions,
    AttentionAlgorithm attention,
    boolean deterministic) {
  /** Most threads: more than any machine has cores, and few enough for their stacks. */
  public static final int MOST_THREADS = 1024;

  public DeviceOptions {
    requireThreads(threads);
  }

  /**
   * Fails when a number of threads cannot be had.
   *
   * @param threads 1 to {@value #MOST_THREADS}, or 0 for one per core
   */
  public static void requireThreads(int threads) {
    if (threads < 0 || threads > MOST_THREADS) {
      throw new IllegalArgumentException(
          "threads must be from 1 to " + MOST_THREADS + ", or 0 for one per core, got " + threads);
    }
  }

  /** One thread per core and the fastest algorithms. */
  public static DeviceOptions standard() {
    return new DeviceOptions(0, ConvolutionAlgorithm.FASTEST, AttentionAlgorithm.FASTEST, false);
  }

  /** The same with another number of threads, 0 for one per core. */
  public DeviceOptions withThreads(int number) {
    return new DeviceOptions(number, convolutions, attention, deterministic);
  }

  /** The same with another way to compute 3x3 convolutions. */
  public DeviceOptions withConvolutions(ConvolutionAlgorithm algorithm) {
    return new DeviceOptions(threads, algorithm, attention, deterministic);
  }

  /** The same with another way to compute attention. */
  public DeviceOptions withAttention(AttentionAlgorithm algorithm) {
    return new DeviceOptions(threads, convolutions, algorithm, deterministic);
  }

  /** The same with results that do or need not repeat bit for bit. */
  public DeviceOptions withDeterministic(boolean repeats) {
    return new DeviceOptions(threads, convolutions, attention, repeats);
  }
}
