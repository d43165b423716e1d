package org.halfstep.device.cuda.driver;

/**
 * One GPU, and the driver that it was found with.
 *
 * @param ordinal its number, from 0
 * @param name as in "NVIDIA H200"
 * @param major first digit of its compute capability
 * @param minor second digit
 * @param multiprocessors how many it has
 * @param memoryBytes its memory
 * @param cudaVersion the newest CUDA that the driver speaks, as in 13000 for 13.0
 */
public record Gpu(
    int ordinal,
    String name,
    int major,
    int minor,
    int multiprocessors,
    long memoryBytes,
    int cudaVersion) {
  private static final int MAJOR = 1000;
  private static final int MINOR = 10;

  /** As in "9.0". */
  public String computeCapability() {
    return major + "." + minor;
  }

  /** As in "13.0". */
  public String cuda() {
    return version(cudaVersion);
  }

  static String version(int number) {
    return number / MAJOR + "." + number % MAJOR / MINOR;
  }
}
