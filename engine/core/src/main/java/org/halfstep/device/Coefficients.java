package org.halfstep.device;

import java.lang.foreign.ValueLayout;

/**
 * The factors of a per-sample linear combination: one float per term and sample, written by the
 * host.
 */
public final class Coefficients implements AutoCloseable {
  private final int batch;
  private final Slab slab;
  private final HostView window;

  public Coefficients(Device device, String purpose, int terms, int batch) {
    this.batch = batch;
    this.slab = device.allocate(purpose, (long) Float.BYTES * terms * batch);
    this.window = device.view(slab.address(), slab.bytes());
  }

  public long address() {
    return slab.address();
  }

  public void set(int term, int sample, double value) {
    window.memory().setAtIndex(ValueLayout.JAVA_FLOAT, (long) term * batch + sample, (float) value);
  }

  /** Sets one term for all samples. */
  public void setAll(int term, double value) {
    for (int sample = 0; sample < batch; sample++) {
      set(term, sample, value);
    }
  }

  public void push() {
    window.push();
  }

  @Override
  public void close() {
    window.close();
    slab.close();
  }
}
