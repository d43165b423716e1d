package org.halfstep.bench;

import java.util.Locale;
import org.halfstep.device.AttentionAlgorithm;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceOptions;
import org.halfstep.device.Devices;

/**
 * What a measurement runs on, from system properties: {@code halfstep.device} (default "cpu"),
 * {@code halfstep.bench.precision} (f32, tf32 or bf16; default f32) and {@code
 * halfstep.bench.attention} (fastest or own; default fastest).
 */
final class BenchDevice {
  private BenchDevice() {}

  static Device open() {
    String attention = System.getProperty("halfstep.bench.attention", "fastest");
    return Devices.open(
        System.getProperty("halfstep.device", Devices.CPU),
        DeviceOptions.standard()
            .withAttention(AttentionAlgorithm.valueOf(attention.toUpperCase(Locale.ROOT))));
  }

  static DataType precision() {
    String name = System.getProperty("halfstep.bench.precision", "f32");
    return DataType.valueOf(name.toUpperCase(Locale.ROOT));
  }
}
