package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
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
  private static final Kernels KERNELS = Kernels.cpu();
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
      KERNELS.hs_quantize(
          NULL, first, second, y, one(arena, SCALE), one(arena, ZERO), rows, c0, c1, dtype);
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
      KERNELS.hs_quantize(
          NULL, x, NULL, y, one(arena, 1), one(arena, 3), 1, values.length, 0, Kernels.HS_F32);
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
      MemorySegment args = hs_group_norm.allocate(arena);
      hs_group_norm.n(args, n);
      hs_group_norm.hw(args, hw);
      hs_group_norm.c0(args, c0);
      hs_group_norm.c1(args, c1);
      hs_group_norm.groups(args, 8);
      hs_group_norm.silu(args, silu);
      hs_group_norm.dtype(args, Kernels.HS_F32);
      hs_group_norm.eps(args, 1e-5f);
      hs_group_norm.x0(args, put(arena, Kernels.HS_F32, normal(n * hw * c0, 3, 1, 2)));
      hs_group_norm.x1(
          args, c1 == 0 ? NULL : put(arena, Kernels.HS_F32, normal(n * hw * c1, 4, 0, 1)));
      hs_group_norm.weight(args, put(arena, Kernels.HS_F32, normal(c, 5, 1, 0.3)));
      hs_group_norm.bias(args, put(arena, Kernels.HS_F32, normal(c, 6, 0, 0.5)));
      hs_group_norm.modulation(args, put(arena, Kernels.HS_F32, normal(n * 2 * c, 7, 0, 0.4)));
      hs_group_norm.modulation_stride(args, 2L * c);
      hs_group_norm.stats(args, arena.allocate(8L * n * 8, 64));
      hs_group_norm.workspace(
          args, arena.allocate(KERNELS.hs_group_norm_workspace(n, hw, c, 8, 0), 64));
      hs_group_norm.y(args, y);
      KERNELS.hs_group_norm_forward(NULL, args);
      hs_group_norm.y(args, bytes);
      KERNELS.hs_group_norm_quantize(NULL, args, one(arena, SCALE), one(arena, ZERO));
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
              KERNELS.hs_quantize(
                  NULL, x, NULL, y, one(arena, 0), one(arena, 0), 1, 1, 0, Kernels.HS_F32));
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
