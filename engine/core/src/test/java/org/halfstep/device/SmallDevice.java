package org.halfstep.device;

import java.util.OptionalLong;

/** A device that has so much memory left, and counts who asks for its operations. */
public final class SmallDevice extends DelegatingDevice {
  private final long left;
  private int asked;

  /** Uses another device; closing closes that one. */
  public SmallDevice(Device device, long left) {
    super(device);
    this.left = left;
  }

  /** How often operations were asked for. */
  public int asked() {
    return asked;
  }

  @Override
  public OptionalLong availableMemory() {
    return OptionalLong.of(left);
  }

  @Override
  public Operations operations() {
    asked++;
    return super.operations();
  }
}
