package org.halfstep.device.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.KernelLaunch;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.Struct;
import org.halfstep.device.Launch;

/**
 * A kernel and its arguments, which are set by name while it is bound. What a field means is said
 * in {@code native/include/halfstep.h}; those that are not set are zero or null.
 */
public final class BoundKernel implements Launch {
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

  /**
   * Sets arguments.
   *
   * @param names of the fields, with a space between them
   * @param values one for each name: addresses and sizes as numbers, flags as booleans
   */
  public BoundKernel with(String names, Object... values) {
    struct.select(names).set(arguments, values);
    return this;
  }

  /**
   * Bytes of the workspace that it needs, by the sizes that were set; 0 also where the library
   * lacks the kernel.
   *
   * @param gradient whether of a backward pass
   */
  public long workspaceBytes(boolean gradient) {
    return kernels.workspaceBytes(struct, arguments, gradient);
  }

  @Override
  public void run() {
    launch.run();
  }
}
