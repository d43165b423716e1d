package org.halfstep.graph;

import java.util.OptionalLong;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;

/**
 * What a plan needs in any case, known from shapes alone: its largest value. How a plan is laid out
 * is known only once a device has made its operations, which takes libraries minutes and gigabytes
 * where a batch is absurd; so what cannot fit is refused here, before.
 */
public final class LeastMemory {
  private LeastMemory() {}

  /** Bytes that a plan of these options needs at least. */
  public static long bytes(Graph graph, PlanOptions options) {
    return graph.ops().stream()
        .filter(op -> op instanceof ConvolutionOp)
        .mapToLong(op -> bytes(op.output(), options))
        .max()
        .orElse(0);
  }

  private static long bytes(Value value, PlanOptions options) {
    DataType type = value.storage() == Value.Storage.ACTIVATION ? options.type() : DataType.F32;
    return Math.multiplyExact((long) options.batch() * type.bytes(), (long) value.shape().size());
  }

  /**
   * Fails where a device has less left than a plan needs in any case.
   *
   * @throws OutOfMemoryError in one line with both numbers
   */
  public static void require(Device device, Graph graph, PlanOptions options) {
    OptionalLong left = device.availableMemory();
    long least = bytes(graph, options);
    if (left.isPresent() && least > left.getAsLong()) {
      throw new OutOfMemoryError(
          "a plan of batch "
              + options.batch()
              + " needs at least "
              + (least >> 20)
              + " MiB, and this machine or container has "
              + (left.getAsLong() >> 20)
              + " MiB left; use a smaller batch");
    }
  }
}
