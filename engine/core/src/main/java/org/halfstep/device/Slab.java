package org.halfstep.device;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** One contiguous range of device memory with one owner. */
public final class Slab implements AutoCloseable {
  private static final Map<Long, String> LIVE = new ConcurrentHashMap<>();
  private static final AtomicLong NUMBERS = new AtomicLong();
  private static final AtomicLong LIVE_BYTES = new AtomicLong();

  private final long number;
  private final String purpose;
  private final long address;
  private final long bytes;
  private final Runnable release;
  private volatile boolean closed;

  private Slab(String purpose, long address, long bytes, Runnable release) {
    this.number = NUMBERS.incrementAndGet();
    this.purpose = purpose;
    this.address = address;
    this.bytes = bytes;
    this.release = release;
  }

  /**
   * Takes ownership of memory.
   *
   * @param release frees it; called once
   */
  public static Slab owning(String purpose, long address, long bytes, Runnable release) {
    Slab slab = new Slab(purpose, address, bytes, release);
    LIVE.put(slab.number, purpose + " (" + bytes + " bytes)");
    LIVE_BYTES.addAndGet(bytes);
    return slab;
  }

  /** The purposes of all slabs that have not been closed: empty when nothing leaks. */
  public static List<String> live() {
    return List.copyOf(LIVE.values());
  }

  /** Bytes of all slabs that have not been closed, of all devices together. */
  public static long liveBytes() {
    return LIVE_BYTES.get();
  }

  /**
   * Where it begins.
   *
   * @throws IllegalStateException once it is closed: whoever used the address would read what is
   *     not there any more
   */
  public long address() {
    if (closed) {
      throw new IllegalStateException(
          purpose + ": the memory was given back; its owner is closed and cannot be used any more");
    }
    return address;
  }

  public long bytes() {
    return bytes;
  }

  public String purpose() {
    return purpose;
  }

  /** Frees the memory. Closing twice is harmless. */
  @Override
  public void close() {
    closed = true;
    if (LIVE.remove(number) != null) {
      LIVE_BYTES.addAndGet(-bytes);
      release.run();
    }
  }
}
