package org.halfstep.device;

/** A device whose owner is somebody else: closing it does nothing. */
final class BorrowedDevice extends DelegatingDevice {
  BorrowedDevice(Device device) {
    super(device);
  }

  @Override
  public void close() {}
}
