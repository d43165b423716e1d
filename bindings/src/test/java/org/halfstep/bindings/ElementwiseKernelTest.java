package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Arrays64.tolerance;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_BF16;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElementwiseKernelTest {
  private static final int COUNT = 20011; // several blocks, and no multiple of a vector

  @Test
  void notANumberStaysOne() {
    try (Arena arena = Arena.ofConfined()) {
      for (int dtype : new int[] {HS_F32, HS_BF16}) {
        MemorySegment in = room(arena, dtype, 33); // all NaN
        MemorySegment out = arena.allocate(33 * 4, 64);
        call(Kernel.CLAMP, "x y low high count dtype").with(in, out, -1f, 1f, 33, dtype);
        assertTrue(Arrays.stream(get(out, dtype, 33)).allMatch(Double::isNaN));
      }
      MemorySegment halves = room(arena, HS_BF16, 33);
      call(Kernel.CONVERT, "src src_dtype dst dst_dtype count")
          .with(room(arena, HS_F32, 33), HS_F32, halves, HS_BF16, 33);
      assertTrue(Arrays.stream(get(halves, HS_BF16, 33)).allMatch(Double::isNaN));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {HS_F32, HS_BF16})
  void sumsAndClampsInPlace(int dtype) {
    double[] a = normal(COUNT, 1);
    double[] b = normal(COUNT, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment left = put(arena, dtype, a);
      MemorySegment right = put(arena, dtype, b);
      call(Kernel.ADD, "a b y count dtype").with(left, right, left, COUNT, dtype);
      call(Kernel.CLAMP, "x y low high count dtype").with(right, right, -0.5f, 0.75f, COUNT, dtype);
      double[] want = new double[COUNT];
      for (int k = 0; k < COUNT; k++) {
        want[k] = a[k] + b[k];
        b[k] = Math.clamp(b[k], -0.5, 0.75);
      }
      assertClose(want, get(left, dtype, COUNT), tolerance(dtype), "sum");
      assertClose(b, get(right, dtype, COUNT), 0, "clamped");
    }
  }

  @Test
  void convertsByRoundingToNearestEven() {
    double[] x = normal(COUNT, 1);
    x[0] = Float.intBitsToFloat(0x3f808000); // half way, to even: down
    x[1] = Float.intBitsToFloat(0x3f818000); // half way, to even: up
    x[2] = Float.MAX_VALUE; // rounds to infinity
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = put(arena, HS_F32, x);
      MemorySegment halves = room(arena, HS_BF16, COUNT);
      MemorySegment back = room(arena, HS_F32, COUNT);
      call(Kernel.CONVERT, "src src_dtype dst dst_dtype count")
          .with(floats, HS_F32, halves, HS_BF16, COUNT);
      call(Kernel.CONVERT, "src src_dtype dst dst_dtype count")
          .with(halves, HS_BF16, back, HS_F32, COUNT);
      double[] got = get(back, HS_F32, COUNT);
      for (int k = 0; k < COUNT; k++) {
        assertEquals((double) Arrays64.roundToBf16((float) x[k]), got[k]);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {HS_F32, HS_BF16})
  void copiesColumns(int dtype) {
    int rows = 301;
    double[] src = normal(rows * 50, 1);
    double[] dst = normal(rows * 41, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = put(arena, dtype, src);
      for (int accumulate = 0; accumulate <= 1; accumulate++) {
        MemorySegment to = put(arena, dtype, dst);
        call(
                Kernel.COPY_COLUMNS,
                "src src_stride src_offset dst dst_stride dst_offset rows columns accumulate dtype")
            .with(from, 50, 7, to, 41, 3, rows, 37, accumulate, dtype);
        double[] want = dst.clone();
        for (int r = 0; r < rows; r++) {
          for (int j = 0; j < 37; j++) {
            want[r * 41 + 3 + j] = accumulate * want[r * 41 + 3 + j] + src[r * 50 + 7 + j];
          }
        }
        assertClose(want, get(to, dtype, want.length), tolerance(dtype), "columns");
      }
      KernelException refused =
          assertThrows(
              KernelException.class,
              () ->
                  call(
                          Kernel.COPY_COLUMNS,
                          "src src_stride src_offset dst dst_stride dst_offset rows columns accumulate dtype")
                      .with(from, 50, 20, from, 50, 0, 1, 37, 0, dtype));
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {HS_F32, HS_BF16})
  void addsPerChannel(int dtype) {
    int n = 3;
    int hw = 250;
    int c = 37;
    double[] x = normal(n * hw * c, 1);
    double[] e = normal(n * 40, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment y = put(arena, dtype, x);
      call(Kernel.ADD_PER_CHANNEL, "x e e_stride y n hw c dtype")
          .with(y, put(arena, HS_F32, e), 40, y, n, hw, c, dtype);
      double[] want = new double[x.length];
      for (int k = 0; k < want.length; k++) {
        want[k] = x[k] + e[k / (hw * c) * 40 + k % c];
      }
      assertClose(want, get(y, dtype, want.length), tolerance(dtype), "y");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {HS_F32, HS_BF16})
  void linearCombinationsOfOneToFourTerms(int dtype) {
    int n = 3;
    int each = 9001;
    double[][] x = new double[4][];
    double[] k = normal(4 * n, 9);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment coefficients = put(arena, HS_F32, k);
      for (int terms = 1; terms <= 4; terms++) {
        MemorySegment[] in = {NULL, NULL, NULL, NULL};
        double[] want = new double[n * each];
        for (int t = 0; t < terms; t++) {
          x[t] = normal(n * each, t);
          in[t] = put(arena, dtype, x[t]);
          for (int m = 0; m < want.length; m++) {
            want[m] += k[t * n + m / each] * x[t][m];
          }
        }
        MemorySegment y = in[terms - 1]; // in place
        call(Kernel.LINEAR_COMBINATION, "y terms x0 x1 x2 x3 coefficients n per_sample dtype")
            .with(y, terms, in[0], in[1], in[2], in[3], coefficients, n, each, dtype);
        assertClose(want, get(y, dtype, want.length), tolerance(dtype), terms + " terms");
      }
      MemorySegment y = put(arena, dtype, x[0]);
      assertThrows(
          KernelException.class,
          () ->
              call(Kernel.LINEAR_COMBINATION, "y terms x0 x1 x2 x3 coefficients n per_sample dtype")
                  .with(y, 2, y, NULL, NULL, NULL, coefficients, n, each, dtype));
    }
  }
}
