package org.halfstep.device.cpu;

import java.util.ArrayDeque;
import java.util.Deque;
import org.halfstep.bindings.SystemMemory;

/**
 * Large pages that slabs gave back, kept for the next ones: they are moved to where memory is
 * wanted and cleared there. On a virtual machine the first touch of a page can take a hundred times
 * what clearing it takes. What is kept is part of what was taken before, so a process peaks no
 * higher than it would without. Thread-safe.
 */
final class KeptPages implements AutoCloseable {
  private static final long PAGE = SystemMemory.LARGE_PAGE;

  /** Each page that was moved is a mapping of its own, of which Linux allows 65,530. */
  private static final int MOST = 4096;

  /** Where they lie. */
  private final Deque<Long> pages = new ArrayDeque<>();

  private boolean closed;

  /**
   * Zeroed memory that begins at a large page; {@link #give} with the same number of bytes takes it
   * back.
   *
   * @param bytes above 0
   * @return its address, or 0 when the system refuses
   */
  long take(long bytes) {
    long address = SystemMemory.allocate(bytes);
    if (address != 0) {
      long moved = moveTo(address, bytes / PAGE * PAGE);
      HostMemory.at(address, moved).fill((byte) 0);
    }
    return address;
  }

  private synchronized long moveTo(long address, long bytes) {
    long moved = 0;
    while (moved < bytes && !pages.isEmpty()) {
      if (!SystemMemory.move(pages.peekLast(), address + moved, PAGE)) {
        break;
      }
      pages.removeLast();
      moved += PAGE;
    }
    return moved;
  }

  /** Keeps the whole pages of memory that nobody uses any more. */
  synchronized void give(long address, long bytes) {
    long end = address + bytes;
    long page = address;
    while (!closed && page + PAGE <= end && pages.size() < MOST) {
      pages.addLast(page);
      page += PAGE;
    }
    if (page < end) {
      SystemMemory.release(page, end - page);
    }
  }

  /** Bytes that are kept. */
  synchronized long bytes() {
    return PAGE * pages.size();
  }

  /** Gives everything back to the system. */
  synchronized void clear() {
    pages.forEach(page -> SystemMemory.release(page, PAGE));
    pages.clear();
  }

  /** The same, and for everything that is given from now on. */
  @Override
  public synchronized void close() {
    closed = true;
    clear();
  }
}
