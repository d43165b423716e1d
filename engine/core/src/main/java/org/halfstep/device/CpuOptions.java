package org.halfstep.device;

/**
 * How a CPU computes.
 *
 * @param threads threads of each operation, 1 to {@value #MOST_THREADS}; 0 for one per processor
 *     that this process may use, or as many as OMP_NUM_THREADS says
 * @param convolutions how convolutions are computed
 */
public record CpuOptions(int threads, ConvolutionAlgorithm convolutions) {
  /** Most threads: more than any machine has cores, and few enough for their stacks. */
  public static final int MOST_THREADS = 1024;

  public CpuOptions {
    if (threads < 0 || threads > MOST_THREADS) {
      throw new IllegalArgumentException(
          "threads must be from 1 to " + MOST_THREADS + ", or 0 for one per core, got " + threads);
    }
  }

  /** One thread per processor and the fastest algorithms. */
  public static CpuOptions standard() {
    return new CpuOptions(0, ConvolutionAlgorithm.FASTEST);
  }
}
