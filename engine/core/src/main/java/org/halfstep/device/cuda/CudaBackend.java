package org.halfstep.device.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.device.Backend;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceOptions;

/** GPUs of NVIDIA. */
public final class CudaBackend implements Backend {
  static final String NAME = "cuda";

  /** What a driver for NVIDIA GPUs puts into the file system; the last one under WSL. */
  private static final List<Path> DRIVER_FILES =
      List.of(
          Path.of("/dev/nvidiactl"), Path.of("/proc/driver/nvidia/version"), Path.of("/dev/dxg"));

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public boolean isNumbered() {
    return true;
  }

  @Override
  public boolean isPresent() {
    return DRIVER_FILES.stream().anyMatch(Files::exists);
  }

  @Override
  public Device open(int ordinal, DeviceOptions options) {
    return CudaDevice.open(ordinal, options.gpu());
  }
}
