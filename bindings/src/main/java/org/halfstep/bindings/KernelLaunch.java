package org.halfstep.bindings;

import java.lang.foreign.MemorySegment;

/** A kernel with its arguments: running it is one call of a C function, and allocates nothing. */
public final class KernelLaunch implements Runnable {
  private final Kernels kernels;
  private final Kernel kernel;
  private final MemorySegment function;
  private final MemorySegment stream;
  private final MemorySegment arguments;

  KernelLaunch(Kernels kernels, Kernel kernel, MemorySegment stream, MemorySegment arguments) {
    if (arguments.byteSize() != kernel.struct().layout().byteSize()) {
      throw new IllegalArgumentException(
          kernel.function()
              + " takes "
              + kernel.struct().layout().byteSize()
              + " bytes of arguments, got "
              + arguments.byteSize());
    }
    this.kernels = kernels;
    this.kernel = kernel;
    this.function = kernels.function(kernel);
    this.stream = stream;
    // A segment of an arena would be locked open by every call.
    this.arguments = MemorySegment.ofAddress(arguments.address());
  }

  /**
   * @throws KernelException if the kernel refuses or fails
   */
  @Override
  public void run() {
    kernels.check(kernel, Kernels.call(function, stream, arguments));
  }
}
