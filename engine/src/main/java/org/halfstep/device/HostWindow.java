package org.halfstep.device;

import java.lang.foreign.MemorySegment;

/**
 * A range of device memory as the host sees it. On a CPU the host sees the memory itself; on a GPU
 * the host has a pinned copy. Write {@link #memory}, then {@link #push}; or {@link #pull}, then
 * read. Neither allocates.
 */
public interface HostWindow extends AutoCloseable {
  MemorySegment memory();

  /** Makes what the host wrote visible to the device. */
  void push();

  /** Makes what the device wrote visible to the host; waits for work in flight. */
  void pull();

  @Override
  void close();
}
