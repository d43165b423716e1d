package org.halfstep.device;

/**
 * What changes from one optimizer step to the next, and what does not, of Adam and AdamW (Kingma
 * and Ba, 2015; Loshchilov and Hutter, 2019). Mutable so that a warm training step allocates
 * nothing.
 */
public final class AdamStep {
  public double beta1 = 0.9;
  public double beta2 = 0.999;
  public double eps = 1e-8;
  public double weightDecay;
  public boolean decoupled;

  /** Counts from 1. */
  public long step;

  public double learningRate;

  /** Factor on the gradient, for clipping. */
  public float gradientScale = 1;

  public double emaDecay;
}
