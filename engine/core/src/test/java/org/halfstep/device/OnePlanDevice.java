package org.halfstep.device;

/** A device with memory for the intermediates of one plan at a time. */
public final class OnePlanDevice extends DelegatingDevice {
  private static final String PLAN = "plan";

  /** Uses another device; closing closes that one. */
  public OnePlanDevice(Device device) {
    super(device);
  }

  @Override
  public Slab allocate(String purpose, long bytes) {
    if (purpose.startsWith(PLAN) && Slab.live().stream().anyMatch(it -> it.startsWith(PLAN))) {
      throw new OutOfMemoryError(purpose + ": there is memory for one");
    }
    return super.allocate(purpose, bytes);
  }
}
