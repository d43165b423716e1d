package org.halfstep.device;

/** A device that runs out of memory at a chosen allocation. */
public final class FailingDevice extends DelegatingDevice {
  private int left = Integer.MAX_VALUE;

  /** Uses another device until then; closing closes that one. */
  public FailingDevice(Device device) {
    super(device);
  }

  /** Lets this many more allocations succeed. */
  public void failAfter(int allocations) {
    left = allocations;
  }

  @Override
  public Slab allocate(String purpose, long bytes) {
    if (left-- <= 0) {
      throw new OutOfMemoryError(purpose + ": out of memory, as asked for by a test");
    }
    return super.allocate(purpose, bytes);
  }
}
