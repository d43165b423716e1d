package org.halfstep.device.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.KernelLaunch;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.Struct;
import org.halfstep.device.Activation;
import org.halfstep.device.DataType;
import org.halfstep.device.KernelCall;

/** A kernel of a library with its arguments. */
public final class BoundKernel implements KernelCall {
  private final Kernels kernels;
  private final Struct struct;
  private final MemorySegment arguments;
  private final KernelLaunch launch;

  BoundKernel(Kernels kernels, Kernel kernel, MemorySegment stream, Arena arena) {
    this.kernels = kernels;
    this.struct = kernel.struct();
    this.arguments = struct.allocate(arena);
    this.launch = kernels.launch(kernel, stream, arguments);
  }

  @Override
  public BoundKernel with(String names, Object... values) {
    Object[] coded = values.clone();
    for (int i = 0; i < coded.length; i++) {
      coded[i] = coded(values[i]);
    }
    struct.select(names).set(arguments, coded);
    return this;
  }

  private static Object coded(Object value) {
    return switch (value) {
      case DataType type -> KernelBinder.code(type);
      case Activation activation -> KernelBinder.code(activation);
      default -> value;
    };
  }

  @Override
  public long workspaceBytes(boolean gradient) {
    return kernels.workspaceBytes(struct, arguments, gradient);
  }

  @Override
  public void run() {
    launch.run();
  }
}
