package org.halfstep.device;

/**
 * How a device that is opened by name computes, whichever it turns out to be.
 *
 * @param cpu for a CPU
 * @param gpu for a GPU
 */
public record DeviceOptions(CpuOptions cpu, GpuOptions gpu) {
  /** One thread per core and the fastest algorithms. */
  public static DeviceOptions standard() {
    return new DeviceOptions(CpuOptions.standard(), GpuOptions.standard());
  }

  /** The same with another number of threads of a CPU, 0 for one per core. */
  public DeviceOptions withThreads(int number) {
    return new DeviceOptions(new CpuOptions(number, cpu.convolutions()), gpu);
  }

  /** The same with another way to compute convolutions on a CPU. */
  public DeviceOptions withConvolutions(ConvolutionAlgorithm algorithm) {
    return new DeviceOptions(new CpuOptions(cpu.threads(), algorithm), gpu);
  }

  /** The same with another way to compute attention on a GPU. */
  public DeviceOptions withAttention(AttentionAlgorithm algorithm) {
    return new DeviceOptions(cpu, new GpuOptions(algorithm, gpu.deterministic()));
  }

  /** The same with results of a GPU that do or need not repeat bit for bit. */
  public DeviceOptions withDeterministic(boolean repeats) {
    return new DeviceOptions(cpu, new GpuOptions(gpu.attention(), repeats));
  }
}
