package org.halfstep.device;

import java.lang.foreign.MemorySegment;

/**
 * A range of device memory as the host sees it. On a CPU the host sees the memory itself; on a GPU
 * the host has a pinned copy. Write {@link #memory}, then {@link #push}; or {@link #pull}, then
 * read. Neither allocates, and both happen in the order of what is launched on the same stream.
 */
public interface HostView extends AutoCloseable {
  /**
   * What the host writes and reads. Ask for it before every round of writing instead of keeping it:
   * it waits until the last {@link #push} no longer reads it.
   *
   * @throws IllegalStateException once this is closed
   */
  MemorySegment memory();

  /** Makes what the host wrote visible to what is launched from now on; need not wait for it. */
  void push();

  /** Makes what the device wrote visible to the host; waits for work in flight. */
  void pull();

  /** The owner of the memory closes its views first. Closing twice is harmless. */
  @Override
  void close();

  /**
   * Fails for a view that is closed: its memory may be somebody else's by now.
   *
   * @throws IllegalStateException then
   */
  static void requireOpen(boolean closed) {
    if (closed) {
      throw new IllegalStateException(
          "the memory was given back; its owner is closed and cannot be used any more");
    }
  }
}
