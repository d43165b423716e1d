package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Kernel.Structs.SQUARE_SUM;
import static org.halfstep.bindings.Kernel.Structs.SUM_ROWS;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.KernelCalls.workspaceBytes;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReductionKernelTest {
  private static MemorySegment squares(Arena arena, int count) {
    return arena.allocate(
        workspaceBytes(SQUARE_SUM, SQUARE_SUM.select("count").allocate(arena, count), false), 64);
  }

  private static MemorySegment rows(Arena arena, int rows, int c) {
    MemorySegment args = SUM_ROWS.select("rows c").allocate(arena, rows, c);
    return arena.allocate(workspaceBytes(SUM_ROWS, args, false), 64);
  }

  @ParameterizedTest
  @CsvSource({"3, 300, 37, 0", "1, 7, 130, 0", "2, 65, 17, 1", "1, 5000, 33, 0"})
  void sumsPixelsAndRows(int n, int hw, int c, int dtype) {
    double[] x = normal(n * hw * c, 1, 0.3, 1);
    double[] before = normal(c, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, dtype, x);
      MemorySegment pixels = put(arena, HS_F32, new double[n * (c + 3)]);
      MemorySegment rows = room(arena, HS_F32, c);
      MemorySegment added = put(arena, HS_F32, before);
      MemorySegment workspace = rows(arena, n * hw, c);
      call(Kernel.SUM_PIXELS, "x out out_stride n hw c dtype")
          .with(in, pixels, c + 3, n, hw, c, dtype);
      call(Kernel.SUM_ROWS, "x out accumulate workspace rows c dtype")
          .with(in, rows, 0, workspace, n * hw, c, dtype);
      call(Kernel.SUM_ROWS, "x out accumulate workspace rows c dtype")
          .with(in, added, 1, workspace, n * hw, c, dtype);
      double[] wantPixels = new double[n * (c + 3)];
      double[] wantRows = new double[c];
      for (int k = 0; k < x.length; k++) {
        wantPixels[k / (hw * c) * (c + 3) + k % c] += x[k];
        wantRows[k % c] += x[k];
      }
      assertClose(wantPixels, get(pixels, HS_F32, wantPixels.length), 2e-6, "sum over pixels");
      assertClose(wantRows, get(rows, HS_F32, c), 2e-6, "sum over rows");
      for (int j = 0; j < c; j++) {
        wantRows[j] += before[j];
      }
      assertClose(wantRows, get(added, HS_F32, c), 2e-6, "accumulated sum");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 70001, 0", "3, 5003, 0", "2, 9, 0", "2, 12345, 1"})
  void squaresInDouble(int n, int each, int dtype) {
    double[] a = normal(n * each, 1);
    double[] b = normal(n * each, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment left = put(arena, dtype, a);
      MemorySegment right = put(arena, dtype, b);
      MemorySegment out = arena.allocate(8L * n, 8);
      call(Kernel.SQUARED_DISTANCE, "a b out n per_sample dtype")
          .with(left, right, out, n, each, dtype);
      double[] want = new double[n];
      double square = 0;
      for (int k = 0; k < a.length; k++) {
        want[k / each] += (a[k] - b[k]) * (a[k] - b[k]);
        square += a[k] * a[k];
      }
      for (int i = 0; i < n; i++) {
        double got = out.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
        assertEquals(want[i], got, 1e-12 * want[i]);
      }
      if (dtype == HS_F32) {
        call(Kernel.SQUARE_SUM, "x out workspace count")
            .with(left, out, squares(arena, a.length), a.length);
        assertEquals(square, out.get(ValueLayout.JAVA_DOUBLE, 0), 1e-12 * square);
      }
    }
  }

  @Test
  void notANumberAndInfinityPropagate() {
    double[] x = normal(5000, 1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(8, 8);
      x[4321] = Double.POSITIVE_INFINITY;
      call(Kernel.SQUARE_SUM, "x out workspace count")
          .with(put(arena, HS_F32, x), out, squares(arena, 5000), 5000);
      assertEquals(Double.POSITIVE_INFINITY, out.get(ValueLayout.JAVA_DOUBLE, 0));
      x[17] = Double.NaN;
      call(Kernel.SQUARE_SUM, "x out workspace count")
          .with(put(arena, HS_F32, x), out, squares(arena, 5000), 5000);
      assertTrue(Double.isNaN(out.get(ValueLayout.JAVA_DOUBLE, 0)));
    }
  }

  @Test
  void threadsDoNotChangeABit() {
    int count = 300_001;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = put(arena, HS_F32, normal(count, 1));
      MemorySegment y = put(arena, HS_F32, normal(count, 2));
      MemorySegment[] results = {arena.allocate(4096, 64), arena.allocate(4096, 64)};
      MemorySegment workspace = rows(arena, count / 37, 37);
      MemorySegment squares = squares(arena, count);
      for (int threads = 1; threads <= 2; threads++) {
        MemorySegment out = results[threads - 1];
        Arrays64.withThreads(
            threads,
            () -> {
              call(Kernel.SQUARE_SUM, "x out workspace count").with(x, out, squares, count);
              call(Kernel.SQUARED_DISTANCE, "a b out n per_sample dtype")
                  .with(x, y, out.asSlice(8), 1, count, HS_F32);
              MemorySegment sums = out.asSlice(16);
              call(Kernel.SUM_ROWS, "x out accumulate workspace rows c dtype")
                  .with(x, sums, 0, workspace, count / 37, 37, HS_F32);
            });
      }
      assertSameBits(results[0], results[1], "sums");
    }
  }
}
