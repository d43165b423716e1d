package org.halfstep.device;

import java.util.Optional;

/**
 * A kind of device: how one is found and opened. Naming a backend loads nothing of it; {@link
 * #problem} and {@link #open} do.
 */
public interface Backend {
  /** What people call it: "cpu", "cuda". Names of its devices begin with it. */
  String name();

  /** Whether there may be several of its devices, chosen by number: "cuda:1". */
  boolean isNumbered();

  /**
   * Whether this machine looks as if it had such a device, without loading anything: what is not
   * there is not tried where no device is named.
   */
  boolean isPresent();

  /**
   * Why none of its devices can be used here, in one line that says what was looked for and where;
   * empty when one can. Loads what there is and opens one to see.
   */
  default Optional<String> problem() {
    try {
      open(0, DeviceOptions.standard()).close();
      return Optional.empty();
    } catch (RuntimeException | LinkageError unusable) {
      return Optional.of(String.valueOf(unusable.getMessage()));
    }
  }

  /**
   * Opens a device with its libraries.
   *
   * @param ordinal its number, from 0; 0 where there is but one
   * @throws RuntimeException if it cannot be used; one line that says what was looked for and where
   */
  Device open(int ordinal, DeviceOptions options);
}
