package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Ceiling;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Slab;
import org.halfstep.device.kernels.KernelBinder;

/**
 * Measures a processor's {@link Ceiling}: the best of a few short runs, since others only slow it.
 */
final class CpuCeiling {
  private static final int RUNS = 8;
  private static final long TURNS = 1 << 20;

  /** Three arrays of this many floats are larger than the caches of most processors. */
  private static final long FLOATS = 1 << 23;

  private CpuCeiling() {}

  static Ceiling measure(CpuDevice device) {
    return new Ceiling(
        gigaflopsPerSecond(),
        gigabytesPerSecond(device),
        "float32 multiply-adds in registers; Winograd's convolutions count as their direct form and"
            + " may show more",
        "adding large arrays");
  }

  private static double gigaflopsPerSecond() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment operations = arena.allocate(ValueLayout.JAVA_DOUBLE);
      long best =
          best(
              kernels(arena)
                  .bind(Kernel.CPU_MULTIPLY_ADDS)
                  .with("turns operations", TURNS, operations));
      return operations.get(ValueLayout.JAVA_DOUBLE, 0) / best;
    }
  }

  private static double gigabytesPerSecond(CpuDevice device) {
    long bytes = Float.BYTES * FLOATS;
    try (Arena arena = Arena.ofConfined();
        Slab memory = device.allocate("bandwidth measurement", 3 * bytes)) {
      long a = memory.address();
      // Pages that were never written are all the same page of zeros, which stays in the caches.
      try (HostView values = device.view(memory.address(), 2 * bytes)) {
        values.memory().fill((byte) 1);
        values.push();
      }
      long best =
          best(
              kernels(arena)
                  .bind(Kernel.ADD)
                  .with("a b y count dtype", a, a + bytes, a + 2 * bytes, FLOATS, Kernels.HS_F32));
      return 3.0 * bytes / best;
    }
  }

  private static KernelBinder kernels(Arena arena) {
    return new KernelBinder(Kernels.cpu(), MemorySegment.NULL, arena);
  }

  /** Nanoseconds of the fastest run, after one to warm up. */
  private static long best(Launch work) {
    work.run();
    long best = Long.MAX_VALUE;
    for (int run = 0; run < RUNS; run++) {
      long start = System.nanoTime();
      work.run();
      best = Math.min(best, System.nanoTime() - start);
    }
    return Math.max(best, 1);
  }
}
