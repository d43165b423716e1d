package org.halfstep.device;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** One contiguous range of device memory with one owner. Subclasses free it in {@link #release}. */
public abstract class Slab implements AutoCloseable {
  private static final Map<Slab, String> LIVE = new ConcurrentHashMap<>();

  private final String purpose;
  private final long address;
  private final long bytes;

  protected Slab(String purpose, long address, long bytes) {
    this.purpose = purpose;
    this.address = address;
    this.bytes = bytes;
    LIVE.put(this, purpose + " (" + bytes + " bytes)");
  }

  /** The purposes of all slabs that have not been closed: empty when nothing leaks. */
  public static java.util.List<String> live() {
    return java.util.List.copyOf(LIVE.values());
  }

  public final long address() {
    return address;
  }

  public final long bytes() {
    return bytes;
  }

  public final String purpose() {
    return purpose;
  }

  protected abstract void release();

  /** Frees the memory. Closing twice is harmless. */
  @Override
  public final void close() {
    if (LIVE.remove(this) != null) {
      release();
    }
  }
}
