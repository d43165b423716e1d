package org.halfstep.device.cuda.library;

import java.util.Arrays;
import java.util.Objects;
import org.halfstep.bindings.Kernel;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.kernels.KernelBinder;

/** Addresses and sizes that the convolutions here divide their memory by. */
public final class Scratch {
  /** Vector loads of every library here are aligned when this is. */
  private static final long ALIGNMENT = 256;

  private Scratch() {}

  /** Bytes, up to where something else may start. */
  public static long rounded(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  /** Bytes of the workspace that sums the rows of a matrix. */
  public static long sumRowsBytes(KernelBinder kernels, long rows, int columns) {
    return rounded(
        kernels.bind(Kernel.SUM_ROWS).with("rows c", rows, columns).workspaceBytes(false));
  }

  /** Where a convolution's range of input channels starts in its stored weight. */
  public static long storedWeight(ConvolutionShape shape, long weight) {
    return weight + (long) shape.weightInputOffset() * shape.window().taps() * DataType.F32.bytes();
  }

  /** One launch after the other; those that are null are left out. */
  public static Launch inOrder(Launch... launches) {
    Launch[] present = Arrays.stream(launches).filter(Objects::nonNull).toArray(Launch[]::new);
    return present.length == 1
        ? present[0]
        : () -> {
          for (Launch each : present) {
            each.run();
          }
        };
  }
}
