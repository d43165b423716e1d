package org.halfstep.bench;

import java.util.Locale;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;

/**
 * What a device can do at best, measured through the operations that networks run on: a large
 * matrix product in TFLOP/s and a large copy in GB/s, reads and writes counted. Prints one CEILING
 * line each.
 */
public final class Ceilings {
  private static final int WARM_UP = 3;
  private static final int RUNS = 10;

  private Ceilings() {}

  /**
   * Measures.
   *
   * @param arguments side of the matrices, and mebibytes that are copied
   */
  public static void main(String[] arguments) {
    int side = Integer.parseInt(arguments[0]);
    long bytes = Long.parseLong(arguments[1]) << 20;
    try (Device device = BenchDevice.open();
        Operations operations = device.operations()) {
      product(device, operations, BenchDevice.precision(), side);
      copy(device, operations, bytes);
    }
  }

  private static void product(Device device, Operations operations, DataType type, int side) {
    long bytes = (long) side * side * type.bytes();
    Convolution linear =
        operations.convolution(ConvolutionShape.linear(side, side, side), type, false);
    try (Slab x = device.allocate("x", bytes);
        Slab y = device.allocate("y", bytes);
        Slab stored = device.allocate("weight", (long) Float.BYTES * side * side);
        Slab packed = device.allocate("packed weight", Math.max(1, linear.packedForwardBytes()));
        Slab scratch = device.allocate("scratch", linear.forwardScratchBytes());
        Slab numbers = device.allocate("ids and key", 2 * Long.BYTES)) {
      // Zeros would run faster than numbers: they draw less power.
      operations
          .normal(x.address(), numbers.address(), numbers.address(), 1, (long) side * side, type)
          .run();
      operations
          .normal(
              stored.address(),
              numbers.address(),
              numbers.address(),
              1,
              (long) side * side,
              DataType.F32)
          .run();
      long weight = linear.packedForwardBytes() == 0 ? stored.address() : packed.address();
      Launch forward = linear.forward(x.address(), weight, 0, 0, y.address(), scratch.address());
      linear.packForward(stored.address(), packed.address()).run();
      double seconds = seconds(device, forward);
      print(
          "product %s %d: %.1f TFLOP/s",
          type.name().toLowerCase(Locale.ROOT), side, 2.0 * side * side * side / seconds / 1e12);
    }
  }

  private static void copy(Device device, Operations operations, long bytes) {
    long floats = bytes / Float.BYTES;
    try (Slab from = device.allocate("source", bytes);
        Slab to = device.allocate("target", bytes)) {
      Launch copy =
          operations.convert(from.address(), DataType.F32, to.address(), DataType.F32, floats);
      print("copy %d MiB: %.0f GB/s", bytes >> 20, 2.0 * bytes / seconds(device, copy) / 1e9);
    }
  }

  /** Of one run, the mean of several without a wait between them. */
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

  private static void print(String format, Object... values) {
    System.out.println("CEILING " + String.format(Locale.ROOT, format, values));
  }
}
