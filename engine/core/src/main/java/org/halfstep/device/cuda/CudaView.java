package org.halfstep.device.cuda;

import java.lang.foreign.MemorySegment;
import org.halfstep.device.HostView;
import org.halfstep.device.cuda.driver.Driver;

/**
 * Page-locked host memory beside a range of device memory. A push is in the order of the stream and
 * does not wait; the host waits before it writes again, if the copy is not over by then.
 */
final class CudaView implements HostView {
  private final Driver driver;
  private final long stream;
  private final long address;
  private final long bytes;
  private final MemorySegment memory;
  private final long pushed;
  private boolean pushing;
  private boolean closed;

  CudaView(Driver driver, long stream, long address, long bytes) {
    this.driver = driver;
    this.stream = stream;
    this.address = address;
    this.bytes = bytes;
    driver.makeCurrent();
    this.pushed = driver.createEvent();
    this.memory = driver.allocatePinned(Math.max(bytes, 1)).fill((byte) 0);
  }

  @Override
  public MemorySegment memory() {
    HostView.requireOpen(closed);
    waitForPush();
    return memory;
  }

  private void waitForPush() {
    if (pushing) {
      driver.synchronizeEvent(pushed);
      pushing = false;
    }
  }

  @Override
  public void push() {
    HostView.requireOpen(closed);
    driver.copyToDevice(address, memory.address(), bytes, stream);
    driver.recordEvent(pushed, stream);
    pushing = true;
  }

  @Override
  public void pull() {
    HostView.requireOpen(closed);
    driver.copyToHost(memory.address(), address, bytes, stream);
    driver.synchronizeStream(stream);
    pushing = false;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      driver.makeCurrent();
      waitForPush();
      driver.destroyEvent(pushed);
      driver.freePinned(memory);
    }
  }
}
