package org.halfstep.cli.option;

import java.util.OptionalLong;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.device.Device;

/** Numbers from a command line have a range, and one that is outside is refused in a line. */
public final class Bounds {
  /** Images of one command. */
  public static final int MOST_IMAGES = 10_000_000;

  /** Seconds of a measurement: a day. */
  public static final double MOST_SECONDS = 86_400;

  private Bounds() {}

  /** A whole number within its range, both ends included. */
  public static int whole(String option, long value, int least, int most) {
    if (value < least || value > most) {
      throw new InputException(
          option
              + " must be from "
              + Sizes.whole(least)
              + " to "
              + Sizes.whole(most)
              + ", got "
              + value);
    }
    return (int) value;
  }

  /** A number of images, from 1. */
  public static int images(String option, long value) {
    return whole(option, value, 1, MOST_IMAGES);
  }

  /**
   * Fails when something needs more memory than a device has left.
   *
   * @param what needs it, such as "training with a batch of 32"
   */
  public static void memory(Device device, long bytes, String what) {
    OptionalLong left = device.availableMemory();
    if (left.isPresent() && bytes > left.getAsLong()) {
      throw new InputException(
          what
              + " needs "
              + Sizes.bytes(bytes)
              + ", and this machine or container has "
              + Sizes.bytes(left.getAsLong())
              + " left: use a smaller --batch");
    }
  }

  /** Seconds to measure for: above 0, at most a day. */
  public static double seconds(String option, double value) {
    if (!(value > 0) || value > MOST_SECONDS) {
      throw new InputException(
          option
              + " must be above 0 and at most "
              + Sizes.whole((long) MOST_SECONDS)
              + " (a day), got "
              + value);
    }
    return value;
  }
}
