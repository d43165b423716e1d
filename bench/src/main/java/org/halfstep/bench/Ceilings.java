package org.halfstep.bench;

import java.util.Locale;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.OperationCeiling;

/**
 * What a device can do at best, measured through the operations that networks run on: a large
 * matrix product in TFLOP/s and a large copy in GB/s, reads and writes counted. Prints one CEILING
 * line each.
 */
public final class Ceilings {
  private Ceilings() {}

  /**
   * Measures.
   *
   * @param arguments side of the matrices, and mebibytes that are copied
   */
  public static void main(String[] arguments) {
    int side = Integer.parseInt(arguments[0]);
    int mebibytes = Integer.parseInt(arguments[1]);
    DataType type = BenchDevice.precision();
    try (Device device = BenchDevice.open()) {
      print(
          "product %s %d: %.3f TFLOP/s",
          type.name().toLowerCase(Locale.ROOT),
          side,
          OperationCeiling.gigaflopsPerSecond(device, type, side) / 1e3);
      print(
          "copy %d MiB: %.0f GB/s",
          mebibytes, OperationCeiling.gigabytesPerSecond(device, (long) mebibytes << 20));
    }
  }

  private static void print(String format, Object... values) {
    System.out.println("CEILING " + String.format(Locale.ROOT, format, values));
  }
}
