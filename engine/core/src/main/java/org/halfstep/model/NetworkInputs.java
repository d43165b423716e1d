package org.halfstep.model;

import java.util.List;
import org.halfstep.device.Launch;

/**
 * What a plan of a diffusion network is told per row beside the noised image: time, condition and
 * guidance strength, as the host writes them. A condition is a number: of a class, or of a caption
 * among those of the data.
 */
public interface NetworkInputs extends AutoCloseable {
  /**
   * Sets one row. Does not allocate.
   *
   * @param time t in [0, 1]
   * @param condition its number; ignored by an unconditional network
   * @param guidance w; ignored by a network without that input
   */
  void set(int row, double time, int condition, double guidance);

  /** Makes all rows visible to the device. */
  void push();

  /** What runs after that and before the plan's forward pass, where conditions are computed. */
  default List<Launch> launches() {
    return List.of();
  }

  @Override
  void close();
}
