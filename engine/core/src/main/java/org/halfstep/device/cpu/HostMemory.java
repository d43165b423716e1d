package org.halfstep.device.cpu;

import java.lang.foreign.MemorySegment;

/** Addresses of this process as segments. */
final class HostMemory {
  private HostMemory() {}

  /** The caller vouches that {@code bytes} bytes at {@code address} belong to a live slab. */
  @SuppressWarnings("restricted")
  static MemorySegment at(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }
}
