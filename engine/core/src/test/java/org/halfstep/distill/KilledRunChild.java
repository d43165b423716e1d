package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;

/**
 * A run in a process of its own, to be killed: {@code KIND FOLDER HOLD MODEL}, where a teacher of
 * pixels needs no model, and one of latents that of an autoencoder. Prints a line per event and
 * {@code done}; at event number HOLD it waits forever.
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
      switch (args[0]) {
        case "teacher" -> SmallRuns.train(device, folder, 1, listener);
        case "distill" ->
            SmallRuns.distill(
                device, Path.of(args[3]), folder, SmallRuns.distillation(1, false), listener);
        case "encode" ->
            SmallRuns.distill(
                device,
                Path.of(args[3]),
                folder,
                SmallRuns.distillation(1, StudentKind.ENCODER),
                listener);
        case "latent distill" ->
            LatentRuns.distill(
                device,
                Path.of(args[3]),
                LatentRuns.settings(false, false, true, false),
                folder,
                listener,
                () -> false);
        case "latent teacher" -> LatentRuns.train(device, Path.of(args[3]), folder, listener);
        default -> throw new IllegalArgumentException(args[0]);
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
