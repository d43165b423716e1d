package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Kernel.Structs.GROUP_NORM;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.KernelCalls.giveWorkspace;
import static org.halfstep.bindings.KernelCalls.run;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bytes against the rules that the header states; a value near a half may go either way. */
class QuantizeKernelTest {
  private static final float SCALE = 0.021f;
  private static final int ZERO = 40;
  private static final double NEAR_A_HALF = 1e-4;

  /** SiLU's relative error before it becomes a byte. */
  private static final double ROUGH_SILU = 2e-4;

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0, 0",
    "5, 33, 0, 0",
    "7, 64, 96, 0",
    "300, 37, 5, 0",
    "9, 64, 0, 1",
    "40, 7, 50, 1"
  })
  void twoSourcesLieSideBySide(int rows, int c0, int c1, int dtype) {
    double[] x0 = normal(rows * c0, 1, 0.5, 2);
    double[] x1 = normal(rows * c1, 2, -0.5, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment first = put(arena, dtype, x0);
      MemorySegment second = c1 == 0 ? NULL : put(arena, dtype, x1);
      MemorySegment y = arena.allocate((long) rows * (c0 + c1));
      call(Kernel.QUANTIZE, "x0 x1 y scale zero rows c0 c1 dtype")
          .with(first, second, y, one(arena, SCALE), one(arena, ZERO), rows, c0, c1, dtype);
      double[] expected = new double[rows * (c0 + c1)];
      for (int r = 0; r < rows; r++) {
        System.arraycopy(x0, r * c0, expected, r * (c0 + c1), c0);
        System.arraycopy(x1, r * c1, expected, r * (c0 + c1) + c0, c1);
      }
      assertBytes(expected, y, 0);
    }
  }

  @Test
  void valuesOutOfRangeAreClamped() {
    float[] values = {
      Float.NEGATIVE_INFINITY, -1e30f, -10, 0, 4.1f, 4.5f, 1e30f, Float.POSITIVE_INFINITY, Float.NaN
    };
    int[] expected = {0, 0, 0, 3, 7, 8, 255, 255, 0};
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      MemorySegment y = arena.allocate(values.length);
      call(Kernel.QUANTIZE, "x0 x1 y scale zero rows c0 c1 dtype")
          .with(x, NULL, y, one(arena, 1), one(arena, 3), 1, values.length, 0, HS_F32);
      for (int i = 0; i < values.length; i++) {
        assertEquals(expected[i], Byte.toUnsignedInt(y.get(ValueLayout.JAVA_BYTE, i)), "" + i);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2, 49, 32, 0, 0",
    "1, 9, 24, 40, 1",
    "3, 100, 64, 0, 1",
    "8, 16, 96, 32, 1",
    "5, 333, 40, 24, 1" // chunks of 64 rows, a last one of 13
  })
  void normWritesTheBytesOfWhatItWouldWrite(int n, int hw, int c0, int c1, int silu) {
    int c = c0 + c1;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment y = arena.allocate(4L * n * hw * c, 64);
      MemorySegment bytes = arena.allocate((long) n * hw * c, 64);
      MemorySegment args =
          GROUP_NORM
              .select("n hw c0 c1 groups silu dtype eps")
              .allocate(arena, n, hw, c0, c1, 8, silu, HS_F32, 1e-5f);
      giveWorkspace(arena, GROUP_NORM, args);
      MemorySegment x0 = put(arena, HS_F32, normal(n * hw * c0, 3, 1, 2));
      MemorySegment x1 = c1 == 0 ? NULL : put(arena, HS_F32, normal(n * hw * c1, 4, 0, 1));
      MemorySegment weight = put(arena, HS_F32, normal(c, 5, 1, 0.3));
      MemorySegment bias = put(arena, HS_F32, normal(c, 6, 0, 0.5));
      MemorySegment modulation = put(arena, HS_F32, normal(n * 2 * c, 7, 0, 0.4));
      MemorySegment stats = arena.allocate(8L * n * 8, 64);
      GROUP_NORM
          .select("x0 x1 weight bias modulation modulation_stride stats y")
          .set(args, x0, x1, weight, bias, modulation, 2L * c, stats, y);
      run(Kernel.GROUP_NORM_FORWARD, args);
      GROUP_NORM.select("y scale zero").set(args, bytes, one(arena, SCALE), one(arena, ZERO));
      run(Kernel.GROUP_NORM_QUANTIZE, args);
      double[] expected = new double[n * hw * c];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = y.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      }
      assertBytes(expected, bytes, silu == 1 ? ROUGH_SILU : 0);
    }
  }

  @Test
  void aScaleOfZeroIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = one(arena, 1);
      MemorySegment y = arena.allocate(1);
      assertThrows(
          KernelException.class,
          () ->
              call(Kernel.QUANTIZE, "x0 x1 y scale zero rows c0 c1 dtype")
                  .with(x, NULL, y, one(arena, 0), one(arena, 0), 1, 1, 0, HS_F32));
    }
  }

  private static MemorySegment one(Arena arena, float value) {
    return arena.allocateFrom(ValueLayout.JAVA_FLOAT, value);
  }

  private static void assertBytes(double[] values, MemorySegment bytes, double relative) {
    for (int i = 0; i < values.length; i++) {
      double exact = Math.clamp(values[i] / SCALE + ZERO, 0, 255);
      double got = Byte.toUnsignedInt(bytes.get(ValueLayout.JAVA_BYTE, i));
      assertTrue(
          Math.abs(got - exact) <= 0.5 + NEAR_A_HALF + relative * Math.abs(values[i]) / SCALE,
          "element " + i + ": byte " + got + " for " + exact);
    }
  }
}
