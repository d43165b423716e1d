package org.halfstep.quantize;

/** The rows that a network is calibrated on, written into the inputs of a plan. */
public interface CalibrationInputs extends AutoCloseable {
  /** Images that the rows were made from. */
  int images();

  /** Number of rows. */
  int count();

  /**
   * Writes the rows from number {@code first} on into the plan, a whole batch of them; after the
   * last, the last again.
   */
  void fill(int first);

  @Override
  void close();
}
