package org.halfstep.train;

import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.graph.ParameterSlab;

/** A moving average of weights beside the optimizer's own, of another decay. */
public final class MovingAverage implements AutoCloseable {
  private final Owned owned = new Owned();
  private final double decay;
  private final ParameterSlab slab;
  private final Coefficients factors;
  private final Launch combine;

  /**
   * @param weights what it begins with and follows
   * @param decay above 0 and below 1
   */
  MovingAverage(Device device, Operations operations, ParameterSlab weights, double decay) {
    this.decay = decay;
    try {
      this.slab = owned.add(new ParameterSlab(device, weights.graph(), "moving average " + decay));
      slab.copyFrom(weights);
      this.factors = owned.add(new Coefficients(device, "decay", 2, 1));
      this.combine =
          operations.linearCombination(
              slab.address(),
              new long[] {slab.address(), weights.address()},
              factors.address(),
              1,
              slab.floats(),
              DataType.F32);
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * The decay of an update: a young average forgets faster, so that it does not remember the first
   * weights for long.
   *
   * @param update its number, from 1
   */
  static double decay(double full, long update) {
    return Math.min(full, (1.0 + update) / (10.0 + update));
  }

  /** Takes in the weights after an update. */
  void update(long number) {
    double kept = decay(decay, number);
    factors.set(0, 0, kept);
    factors.set(1, 0, 1 - kept);
    factors.push();
    combine.run();
  }

  /** Its decay. */
  public double decay() {
    return decay;
  }

  /** Its numbers. */
  public ParameterSlab slab() {
    return slab;
  }

  @Override
  public void close() {
    owned.close();
  }
}
