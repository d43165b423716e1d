package org.halfstep.bench;

import java.util.Locale;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;

/**
 * What a measurement runs on, from system properties: {@code halfstep.device} (default "cpu") and
 * {@code halfstep.bench.precision} (f32, tf32 or bf16; default f32).
 */
final class BenchDevice {
  private BenchDevice() {}

  static Device open() {
    return Devices.open(System.getProperty("halfstep.device", Devices.CPU));
  }

  static DataType precision() {
    String name = System.getProperty("halfstep.bench.precision", "f32");
    return DataType.valueOf(name.toUpperCase(Locale.ROOT));
  }
}
