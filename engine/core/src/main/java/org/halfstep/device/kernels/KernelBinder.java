package org.halfstep.device.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Activation;
import org.halfstep.device.DataType;

/** Binds the kernels of one library and one stream to their arguments. */
public final class KernelBinder {
  private final Kernels kernels;
  private final MemorySegment stream;
  private final Arena arena;

  /**
   * @param kernels the device's kernels
   * @param stream what all launches go to; null (address 0) on the CPU
   * @param arena for the arguments of launches; outlives them
   */
  public KernelBinder(Kernels kernels, MemorySegment stream, Arena arena) {
    this.kernels = kernels;
    this.stream = stream;
    this.arena = arena;
  }

  /**
   * A launch whose arguments come next: {@code bind(Kernel.ADD).with("a b y count dtype", a, b, y,
   * count, type)}.
   */
  public BoundKernel bind(Kernel kernel) {
    return new BoundKernel(kernels, kernel, stream, arena);
  }

  /** A type as the kernels name it. */
  public static int code(DataType type) {
    return switch (type) {
      case F32, TF32 -> Kernels.HS_F32;
      case BF16 -> Kernels.HS_BF16;
      case U8 -> Kernels.HS_U8;
      case F16 -> Kernels.HS_F16;
      case I8, I32 -> throw new IllegalArgumentException("no kernel takes numbers of type " + type);
    };
  }

  /** A function as the kernels name it. */
  static int code(Activation activation) {
    return switch (activation) {
      case NONE ->
          throw new IllegalArgumentException("a kernel needs an activation: NONE is not one");
      case SILU -> Kernels.HS_SILU;
      case RELU -> Kernels.HS_RELU;
      case GELU -> Kernels.HS_GELU;
      case GELU_TANH -> Kernels.HS_GELU_TANH;
      case QUICK_GELU -> Kernels.HS_QUICK_GELU;
    };
  }
}
