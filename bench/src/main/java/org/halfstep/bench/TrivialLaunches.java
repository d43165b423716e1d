package org.halfstep.bench;

import org.halfstep.device.Activation;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;

/**
 * As many launches as a plan has, of four kinds, each on one number: what remains of a forward pass
 * when the kernels have nothing to do. Java's loop, the foreign call, the checks of arguments and
 * status, and entering and leaving OpenMP.
 */
final class TrivialLaunches implements AutoCloseable {
  private static final float LIMIT = 1;

  private final Operations operations;
  private final Slab memory;
  private final Launch[] launches;

  TrivialLaunches(Device device, int count) {
    operations = device.operations();
    memory = device.allocate("two numbers", 2L * Float.BYTES);
    long x = memory.address();
    long y = x + Float.BYTES;
    Launch[] kinds = {
      operations.add(x, x, y, 1, DataType.F32),
      operations
          .kernel("activation_forward")
          .with("x y count function dtype", x, y, 1, Activation.SILU, DataType.F32),
      operations.convert(x, DataType.F32, y, DataType.F32, 1),
      operations.clamp(x, y, -LIMIT, LIMIT, 1, DataType.F32)
    };
    launches = new Launch[count];
    for (int i = 0; i < count; i++) {
      launches[i] = kinds[i % kinds.length];
    }
  }

  void run() {
    for (Launch launch : launches) {
      launch.run();
    }
  }

  @Override
  public void close() {
    operations.close();
    memory.close();
  }
}
