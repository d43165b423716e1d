package org.halfstep.device;

/**
 * What a device can do at most, measured through the operations that networks run on: a large
 * matrix product, and a large copy. The mean of several runs without a wait between them.
 */
public final class OperationCeiling {
  private static final int WARM_UP = 3;
  private static final int RUNS = 10;

  private OperationCeiling() {}

  /**
   * Operations per nanosecond of a product of square matrices, two for each multiply-add.
   *
   * @param side rows and columns
   */
  public static double gigaflopsPerSecond(Device device, DataType type, int side) {
    long count = (long) side * side;
    try (Operations operations = device.operations()) {
      Convolution linear =
          operations.convolution(
              ConvolutionRequest.plain(ConvolutionShape.linear(side, side, side), type, false));
      try (Slab x = device.allocate("x", count * type.bytes());
          Slab y = device.allocate("y", count * type.bytes());
          Slab stored = device.allocate("weight", Float.BYTES * count);
          Slab packed = device.allocate("packed weight", linear.packedForwardBytes());
          Slab scratch = device.allocate("scratch", linear.forwardScratchBytes());
          Slab key = device.allocate("key and ids", 2L * Long.BYTES + Long.BYTES)) {
        // Zeros would run faster than numbers: they draw less power.
        long ids = key.address() + 2L * Long.BYTES;
        operations.normal(x.address(), key.address(), ids, 1, count, type).run();
        operations.normal(stored.address(), key.address(), ids, 1, count, DataType.F32).run();
        long weight = linear.packedForwardBytes() == 0 ? stored.address() : packed.address();
        Launch forward = linear.forward(x.address(), weight, 0, 0, y.address(), scratch.address());
        linear.packForward(stored.address(), packed.address()).run();
        double seconds = seconds(device, forward);
        return 2.0 * side * count / seconds / 1e9;
      }
    }
  }

  /**
   * Bytes per nanosecond, read and written, of a copy.
   *
   * @param bytes that are copied, a multiple of four
   */
  public static double gigabytesPerSecond(Device device, long bytes) {
    try (Operations operations = device.operations();
        Slab from = device.allocate("source", bytes);
        Slab to = device.allocate("target", bytes)) {
      Launch copy =
          operations.convert(
              from.address(), DataType.F32, to.address(), DataType.F32, bytes / Float.BYTES);
      return 2.0 * bytes / seconds(device, copy) / 1e9;
    }
  }

  private static double seconds(Device device, Launch launch) {
    for (int i = 0; i < WARM_UP; i++) {
      launch.run();
    }
    device.synchronize();
    long start = System.nanoTime();
    for (int i = 0; i < RUNS; i++) {
      launch.run();
    }
    device.synchronize();
    return (System.nanoTime() - start) / 1e9 / RUNS;
  }
}
