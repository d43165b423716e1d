package org.halfstep.cli.option;

import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import picocli.CommandLine.Option;

/** The choice of how activations are stored and multiplied. */
public final class PrecisionOption {
  @Option(
      names = "--precision",
      paramLabel = "TYPE",
      description =
          "f32, bf16, or on a GPU tf32: how networks compute (default: bf16 on a GPU and on a CPU with AMX, else f32).")
  private DataType precision;

  /** What was given, else what is best on the device. */
  public DataType on(Device device) {
    DataType chosen = precision == null ? device.defaultPrecision() : precision;
    device.requirePrecision(chosen);
    return chosen;
  }

  /** Sets what was given; where nothing was, fills in what the settings leave open. */
  public void complete(Settings settings, Device device, String... paths) {
    DataType chosen = on(device);
    for (String path : paths) {
      if (precision != null || settings.isOpen(path)) {
        settings.set(path, chosen);
      }
    }
  }
}
