package org.halfstep.device;

import java.lang.foreign.MemorySegment;

/** A device that runs out of memory at a chosen allocation. */
public final class FailingDevice implements Device {
  private final Device device;
  private int left = Integer.MAX_VALUE;

  /** Uses another device until then; closing closes that one. */
  public FailingDevice(Device device) {
    this.device = device;
  }

  /** Lets this many more allocations succeed. */
  public void failAfter(int allocations) {
    left = allocations;
  }

  @Override
  public String name() {
    return device.name();
  }

  @Override
  public Slab allocate(String purpose, long bytes) {
    if (left-- <= 0) {
      throw new OutOfMemoryError(purpose + ": out of memory, as asked for by a test");
    }
    return device.allocate(purpose, bytes);
  }

  @Override
  public void upload(MemorySegment source, long destination, long bytes) {
    device.upload(source, destination, bytes);
  }

  @Override
  public void download(long source, MemorySegment destination, long bytes) {
    device.download(source, destination, bytes);
  }

  @Override
  public HostWindow window(long address, long bytes) {
    return device.window(address, bytes);
  }

  @Override
  public void attach() {
    device.attach();
  }

  @Override
  public Operations operations() {
    return device.operations();
  }

  @Override
  public void close() {
    device.close();
  }
}
