package org.halfstep.train;

import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.graph.ParameterSlab;

/**
 * The gradients of a batch that is computed in parts of one size: the mean of theirs, which are of
 * the mean loss of a part each. They are added in the order of the parts, so that the same batch
 * has the same bits.
 */
final class GradientSum implements AutoCloseable {
  private final Owned owned = new Owned();
  private final ParameterSlab total;
  private final Launch begin;
  private final Launch add;

  /**
   * @param gradients what a plan's backward pass writes for each part
   * @param parts at least 2
   */
  GradientSum(Device device, Operations operations, ParameterSlab gradients, int parts) {
    try {
      this.total = owned.add(new ParameterSlab(device, gradients.graph(), "sum of gradients"));
      Coefficients factors = owned.add(new Coefficients(device, "parts of a batch", 3, 1));
      factors.set(0, 0, 1.0 / parts);
      factors.set(1, 0, 1);
      factors.set(2, 0, 1.0 / parts);
      factors.push();
      this.begin =
          operations.linearCombination(
              total.address(),
              new long[] {gradients.address()},
              factors.address(),
              1,
              total.floats(),
              DataType.F32);
      this.add =
          operations.linearCombination(
              total.address(),
              new long[] {total.address(), gradients.address()},
              factors.address() + Float.BYTES,
              1,
              total.floats(),
              DataType.F32);
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /** What comes after the backward pass of a part. */
  Launch launch(int part) {
    return part == 0 ? begin : add;
  }

  /** The gradients of the whole batch, after the last part. */
  ParameterSlab total() {
    return total;
  }

  @Override
  public void close() {
    owned.close();
  }
}
