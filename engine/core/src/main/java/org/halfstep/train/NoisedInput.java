package org.halfstep.train;

import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.graph.Plan;
import org.halfstep.graph.Value;

/**
 * How noised images come to the input of a plan: as they are, or, where the network sees something
 * beside them, with it behind their channels, pixel by pixel.
 */
public final class NoisedInput {
  private NoisedInput() {}

  /**
   * Launches that fill rows of a plan's input.
   *
   * @param z device address of as many noised images as the batch has rows
   * @param batch what is seen beside them
   * @param x the plan's input
   * @param firstRow of the plan's rows, the first that is filled
   */
  public static List<Launch> of(
      Operations operations, long z, TrainingBatch batch, Plan plan, Value x, int firstRow) {
    int channels = batch.values() / batch.pixels();
    int columns = channels + batch.besideChannels();
    long rows = (long) batch.size() * batch.pixels();
    long to = plan.address(x) + (long) Float.BYTES * firstRow * batch.pixels() * columns;
    if (batch.besideChannels() == 0) {
      return List.of(operations.convert(z, DataType.F32, to, DataType.F32, rows * channels));
    }
    return List.of(
        columns(operations, rows, z, channels, to, columns),
        columns(
            operations,
            rows,
            batch.beside(),
            batch.besideChannels(),
            to + (long) Float.BYTES * channels,
            columns));
  }

  private static Launch columns(
      Operations operations, long rows, long from, int channels, long to, int stride) {
    return operations
        .kernel("copy_columns")
        .with("rows columns dtype", rows, (long) channels, DataType.F32)
        .with("src src_stride", from, (long) channels)
        .with("dst dst_stride", to, (long) stride);
  }
}
