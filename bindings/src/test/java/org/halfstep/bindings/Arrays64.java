package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/** Double arrays in and out of kernel storage, and how close two of them are. */
final class Arrays64 {
  /** Whether the library under test has the CUDA kernels, run by the CPU. */
  static final boolean ON_CUDA = Kernels.cpu().hs_instruction_set().startsWith("cuda");

  private Arrays64() {}

  /** Normal numbers of mean and spread, rounded to float. */
  static double[] normal(int count, long seed, double mean, double spread) {
    Random random = new Random(seed);
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (mean + spread * random.nextGaussian());
    }
    return values;
  }

  static double[] normal(int count, long seed) {
    return normal(count, seed, 0, 1);
  }

  static int bytes(int dtype) {
    return dtype == Kernels.HS_BF16 || dtype == Kernels.HS_F16 ? 2 : 4;
  }

  static float roundToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000);
  }

  /** Stores values, and rounds them in place to what was stored. */
  static MemorySegment put(Arena arena, int dtype, double[] values) {
    MemorySegment segment = room(arena, dtype, values.length);
    for (int i = 0; i < values.length; i++) {
      if (dtype == Kernels.HS_BF16) {
        values[i] = roundToBf16((float) values[i]);
        int bits = Float.floatToRawIntBits((float) values[i]);
        segment.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (bits >>> 16));
      } else {
        values[i] = (float) values[i];
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
      }
    }
    return segment;
  }

  static MemorySegment putInts(Arena arena, int... values) {
    return arena.allocateFrom(ValueLayout.JAVA_INT, values);
  }

  static MemorySegment putLongs(Arena arena, long... values) {
    return arena.allocateFrom(ValueLayout.JAVA_LONG, values);
  }

  /** Room for count elements, filled with NaN so that an element not written shows. */
  static MemorySegment room(Arena arena, int dtype, long count) {
    return arena.allocate(Math.max(1, count * bytes(dtype)), 64).fill((byte) 0xff);
  }

  static double[] get(MemorySegment segment, int dtype, int count) {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] =
          dtype == Kernels.HS_BF16
              ? Float.intBitsToFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16)
              : segment.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return values;
  }

  /** Every element within tolerance times the larger of its size and the root mean square. */
  static void assertClose(double[] want, double[] got, double tolerance, String what) {
    assertClose(want, got, tolerance, new double[want.length], what);
  }

  /** The same, with an error of its own that each element may have besides. */
  static void assertClose(
      double[] want, double[] got, double tolerance, double[] errors, String what) {
    assertEquals(want.length, got.length, what);
    double squares = 0;
    for (double value : want) {
      squares += value * value;
    }
    double scale = Math.sqrt(squares / Math.max(1, want.length));
    for (int i = 0; i < want.length; i++) {
      double limit = tolerance * Math.max(scale, Math.abs(want[i])) + errors[i];
      int at = i;
      assertTrue(
          Math.abs(want[i] - got[i]) <= limit,
          () -> what + "[" + at + "]: expected " + want[at] + " but got " + got[at]);
    }
  }

  /** The tolerance of a result of short sums: a few roundings of float, or one of bfloat16. */
  static double tolerance(int dtype) {
    return dtype == Kernels.HS_BF16 ? 4.5e-3 : 4e-6;
  }

  static void assertSameBits(MemorySegment want, MemorySegment got, String what) {
    assertEquals(-1, want.mismatch(got), what + " differs at this byte");
  }

  /** Runs the action with a number of threads, and restores the number after it. */
  static void withThreads(int threads, Runnable action) {
    int before = Kernels.cpu().hs_thread_count();
    Kernels.cpu().hs_set_thread_count(threads);
    try {
      action.run();
    } finally {
      Kernels.cpu().hs_set_thread_count(before);
    }
  }
}
