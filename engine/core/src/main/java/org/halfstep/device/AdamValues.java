package org.halfstep.device;

import java.lang.foreign.ValueLayout;

/**
 * What changes from one step of Adam to the next, in device memory: a recorded step reads it when
 * it runs. The layout is that of {@code hs_adam_values} in {@code native/include/halfstep.h}.
 */
public final class AdamValues implements AutoCloseable {
  private static final long STEP = 0;
  private static final long LEARNING_RATE = 8;
  private static final long EMA_DECAY = 16;
  private static final long CLIP_NORM = 24;
  private static final long BYTES = 32;

  private final Slab slab;
  private final HostView window;

  public AdamValues(Device device) {
    slab = device.allocate("values of an optimizer step", BYTES);
    window = device.view(slab.address(), BYTES);
  }

  public long address() {
    return slab.address();
  }

  /**
   * Sets what the next step reads.
   *
   * @param step counts from 1
   * @param emaDecay of the moving average
   * @param clipNorm largest norm of all gradients together, 0 for no limit
   */
  public void push(long step, double learningRate, double emaDecay, double clipNorm) {
    var memory = window.memory();
    memory.set(ValueLayout.JAVA_LONG, STEP, step);
    memory.set(ValueLayout.JAVA_DOUBLE, LEARNING_RATE, learningRate);
    memory.set(ValueLayout.JAVA_DOUBLE, EMA_DECAY, emaDecay);
    memory.set(ValueLayout.JAVA_DOUBLE, CLIP_NORM, clipNorm);
    window.push();
  }

  @Override
  public void close() {
    window.close();
    slab.close();
  }
}
