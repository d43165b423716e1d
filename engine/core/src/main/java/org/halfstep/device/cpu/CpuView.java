package org.halfstep.device.cpu;

import java.lang.foreign.MemorySegment;
import org.halfstep.device.HostView;

/** Memory that the host and the device share. */
final class CpuView implements HostView {
  private final MemorySegment memory;
  private volatile boolean closed;

  CpuView(MemorySegment memory) {
    this.memory = memory;
  }

  @Override
  public MemorySegment memory() {
    HostView.requireOpen(closed);
    return memory;
  }

  @Override
  public void push() {
    HostView.requireOpen(closed);
  }

  @Override
  public void pull() {
    HostView.requireOpen(closed);
  }

  @Override
  public void close() {
    closed = true;
  }
}
