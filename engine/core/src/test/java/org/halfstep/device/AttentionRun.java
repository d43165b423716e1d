package org.halfstep.device;

import java.util.Random;

/**
 * Attention of one shape, forward and backward, on random numbers that are the same everywhere.
 *
 * @param inference y of a pass that leaves nothing for a backward pass
 * @param y y of one that does
 * @param logSumExp what it leaves
 * @param dqkv the gradient
 */
public record AttentionRun(float[] inference, float[] y, float[] logSumExp, float[] dqkv) {
  private static final long SEED = 11;

  /** Self-attention on one projection, of rows (q/k/v, head, channel) or (head, q/k/v, channel). */
  public static AttentionShape self(
      int batch, int tokens, int heads, int width, boolean newOrder, DataType type) {
    long row = 3L * heads * width;
    AttentionShape.Rows in =
        new AttentionShape.Rows(tokens * row, row, newOrder ? width : 3L * width);
    AttentionShape.Layout layout =
        new AttentionShape.Layout(in, in, in, result(tokens, heads, width));
    return new AttentionShape(batch, tokens, tokens, heads, width, false, false, layout, type);
  }

  /** Attention to other tokens, whose keys and values are one projection. */
  public static AttentionShape cross(
      int batch, int queries, int keys, int heads, int width, DataType type) {
    long row = 2L * heads * width;
    AttentionShape.Rows in = new AttentionShape.Rows(keys * row, row, width);
    AttentionShape.Rows result = result(queries, heads, width);
    AttentionShape.Layout layout = new AttentionShape.Layout(result, in, in, result);
    return new AttentionShape(batch, queries, keys, heads, width, false, false, layout, type);
  }

  private static AttentionShape.Rows result(int tokens, int heads, int width) {
    long row = (long) heads * width;
    return new AttentionShape.Rows(tokens * row, row, width);
  }

  /** The same attention, stored otherwise. */
  public static AttentionShape as(AttentionShape shape, DataType type) {
    return new AttentionShape(
        shape.batch(),
        shape.queries(),
        shape.keys(),
        shape.heads(),
        shape.headWidth(),
        shape.causal(),
        shape.padded(),
        shape.layout(),
        type);
  }

  /** Where queries, keys and values begin in an array that holds all of them, in elements. */
  private static long[] starts(AttentionShape shape) {
    long width = (long) shape.heads() * shape.headWidth();
    if (shape.layout().q().equals(shape.layout().k())) {
      long step = shape.layout().q().head() == shape.headWidth() ? width : shape.headWidth();
      return new long[] {0, step, 2 * step};
    }
    long keys = shape.batch() * shape.queries() * width;
    return new long[] {0, keys, keys + width};
  }

  /** Computes with operations of a device; numbers are rounded to the shape's type on the way. */
  public static AttentionRun on(Device device, Operations operations, AttentionShape shape) {
    int width = shape.heads() * shape.headWidth();
    int results = shape.batch() * shape.queries() * width;
    int inputs = results + 2 * shape.batch() * shape.keys() * width;
    long workspaceBytes =
        Math.max(
            operations.attentionWorkspaceBytes(shape, false),
            operations.attentionWorkspaceBytes(shape, true));
    Random random = new Random(SEED);
    try (Values qkv = new Values(device, operations, shape.type(), inputs);
        Values y = new Values(device, operations, shape.type(), results);
        Values dy = new Values(device, operations, shape.type(), results);
        Values dqkv = new Values(device, operations, shape.type(), inputs);
        Slab logSumExp = device.allocate("logsumexp", shape.logSumExpBytes());
        Slab workspace = device.allocate("workspace", Math.max(1, workspaceBytes))) {
      qkv.fill(random);
      dy.fill(random);
      long[] starts = starts(shape);
      operations.attentionForward(shape, memory(qkv, starts, y, 0, workspace)).run();
      float[] inference = y.read();
      AttentionShape.Memory memory = memory(qkv, starts, y, logSumExp.address(), workspace);
      operations.attentionForward(shape, memory).run();
      operations
          .attentionBackward(
              shape,
              memory,
              new AttentionShape.Gradients(
                  dy.address(),
                  dqkv.address(starts[0]),
                  dqkv.address(starts[1]),
                  dqkv.address(starts[2]),
                  workspace.address()))
          .run();
      device.synchronize();
      float[] left =
          DeviceArrays.read(
              device, logSumExp.address(), (int) (shape.logSumExpBytes() / Float.BYTES));
      return new AttentionRun(inference, y.read(), left, dqkv.read());
    }
  }

  private static AttentionShape.Memory memory(
      Values qkv, long[] starts, Values y, long logSumExp, Slab workspace) {
    return new AttentionShape.Memory(
        qkv.address(starts[0]),
        qkv.address(starts[1]),
        qkv.address(starts[2]),
        y.address(),
        0,
        logSumExp,
        workspace.address());
  }

  /** The error of an array, relative to the reference, in the Euclidean norm. */
  public static double relativeError(float[] reference, float[] values) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < reference.length; i++) {
      error += Math.pow((double) values[i] - reference[i], 2);
      norm += Math.pow(reference[i], 2);
    }
    return Math.sqrt(error / norm);
  }

  /** Numbers as a device stores them, written and read as float32. */
  private static final class Values implements AutoCloseable {
    private final Device device;
    private final Operations operations;
    private final DataType type;
    private final int count;
    private final Slab floats;
    private final Slab stored;

    Values(Device device, Operations operations, DataType type, int count) {
      this.device = device;
      this.operations = operations;
      this.type = type;
      this.count = count;
      this.floats = device.allocate("floats", (long) Float.BYTES * count);
      this.stored = device.allocate("values", (long) type.bytes() * count);
    }

    long address() {
      return stored.address();
    }

    long address(long element) {
      return stored.address() + element * type.bytes();
    }

    void fill(Random random) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = (float) random.nextGaussian();
      }
      DeviceArrays.write(device, floats.address(), values);
      operations.convert(floats.address(), DataType.F32, address(), type, count).run();
    }

    float[] read() {
      operations.convert(address(), type, floats.address(), DataType.F32, count).run();
      device.synchronize();
      return DeviceArrays.read(device, floats.address(), count);
    }

    @Override
    public void close() {
      stored.close();
      floats.close();
    }
  }
}
