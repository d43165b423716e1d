package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;

/**
 * A run in a process of its own, to be killed: {@code teacher FOLDER HOLD} or {@code distill FOLDER
 * HOLD TEACHER}. Prints a line per event and {@code done}; at event number HOLD it waits forever.
 */
final class KilledRunChild {
  static final String DONE = "done";

  private KilledRunChild() {}

  public static void main(String[] args) throws IOException {
    int hold = Integer.parseInt(args[2]);
    int[] events = {0};
    SmallRuns.Events listener =
        SmallRuns.Events.calling(
            line -> {
              System.out.println(line);
              if (++events[0] == hold) {
                waitForever();
              }
            });
    Path folder = Path.of(args[1]);
    try (Device device = new CpuDevice()) {
      if (args[0].equals("teacher")) {
        SmallRuns.train(device, folder, 1, listener);
      } else {
        SmallRuns.distill(
            device, Path.of(args[3]), folder, SmallRuns.distillation(1, false), listener);
      }
    }
    System.out.println(DONE);
  }

  private static void waitForever() {
    try {
      Thread.sleep(Long.MAX_VALUE);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
