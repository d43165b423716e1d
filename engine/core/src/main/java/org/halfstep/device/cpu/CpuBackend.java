package org.halfstep.device.cpu;

import org.halfstep.device.Backend;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceOptions;

/** The processor, which every machine has one of. */
public final class CpuBackend implements Backend {
  static final String NAME = "cpu";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public boolean isNumbered() {
    return false;
  }

  @Override
  public boolean isPresent() {
    return true;
  }

  @Override
  public Device open(int ordinal, DeviceOptions options) {
    return new CpuDevice(options.cpu());
  }
}
