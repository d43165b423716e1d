package org.halfstep.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Calls of the kernels under test, as a test reads best: names of arguments, then their values. */
final class KernelCalls {
  private KernelCalls() {}

  /** A kernel and the names of the arguments that are not zero. */
  record Call(Kernel kernel, Struct.Selection names) {
    void with(Object... values) {
      try (Arena arena = Arena.ofConfined()) {
        run(kernel, names.allocate(arena, values));
      }
    }
  }

  static Call call(Kernel kernel, String names) {
    return new Call(kernel, kernel.struct().select(names));
  }

  static void run(Kernel kernel, MemorySegment arguments) {
    Kernels.cpu().run(kernel, MemorySegment.NULL, arguments);
  }

  /** Bytes of the workspace of kernels that take such arguments. */
  static long workspaceBytes(Struct struct, MemorySegment arguments, boolean gradient) {
    return Kernels.cpu().workspaceBytes(struct, arguments, gradient);
  }

  /** Sets the workspace in the arguments to memory for either pass. */
  static void giveWorkspace(Arena arena, Struct struct, MemorySegment arguments) {
    long forward = workspaceBytes(struct, arguments, false);
    long backward = workspaceBytes(struct, arguments, true);
    struct.select("workspace").set(arguments, arena.allocate(Math.max(forward, backward), 64));
  }
}
