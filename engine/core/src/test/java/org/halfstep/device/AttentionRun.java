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

  /** Computes with operations of a device; numbers are rounded to the shape's type on the way. */
  public static AttentionRun on(Device device, Operations operations, AttentionShape shape) {
    int rows = shape.batch() * shape.tokens();
    int width = shape.heads() * shape.headChannels();
    long workspaceBytes =
        Math.max(
            operations.attentionWorkspaceBytes(shape, false),
            operations.attentionWorkspaceBytes(shape, true));
    Random random = new Random(SEED);
    try (Values qkv = new Values(device, operations, shape.type(), rows * 3 * width);
        Values y = new Values(device, operations, shape.type(), rows * width);
        Values dy = new Values(device, operations, shape.type(), rows * width);
        Values dqkv = new Values(device, operations, shape.type(), rows * 3 * width);
        Slab logSumExp = device.allocate("logsumexp", shape.logSumExpBytes());
        Slab workspace = device.allocate("workspace", Math.max(1, workspaceBytes))) {
      qkv.fill(random);
      dy.fill(random);
      operations.attentionForward(shape, qkv.address(), y.address(), 0, workspace.address()).run();
      float[] inference = y.read();
      operations
          .attentionForward(
              shape, qkv.address(), y.address(), logSumExp.address(), workspace.address())
          .run();
      operations
          .attentionBackward(
              shape,
              qkv.address(),
              y.address(),
              logSumExp.address(),
              dy.address(),
              dqkv.address(),
              workspace.address())
          .run();
      device.synchronize();
      float[] left =
          DeviceArrays.read(
              device, logSumExp.address(), (int) (shape.logSumExpBytes() / Float.BYTES));
      return new AttentionRun(inference, y.read(), left, dqkv.read());
    }
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
