package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Arrays64.tolerance;
import static org.halfstep.bindings.KernelCalls.call;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PoolKernelTest {
  @ParameterizedTest
  @CsvSource({
    // n, h, w, c, rows, columns, stride, row padding, column padding, dtype
    "2, 7, 5, 33, 3, 3, 1, 1, 1, 0",
    "2, 7, 5, 33, 3, 3, 1, 1, 1, 1",
    "3, 9, 8, 70, 3, 3, 2, 0, 0, 0",
    "1, 8, 8, 5, 8, 8, 1, 0, 0, 0",
    "2, 1, 1, 3, 3, 3, 1, 1, 1, 0",
    "2, 5, 6, 130, 2, 4, 3, 1, 2, 0",
    "16, 20, 20, 16, 3, 1, 1, 1, 0, 0",
  })
  void poolsAsDefined(
      int n, int h, int w, int c, int rows, int columns, int stride, int top, int left, int dtype) {
    double[] x = normal(n * h * w * c, 1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, dtype, x);
      int oh = (h + 2 * top - rows) / stride + 1;
      int ow = (w + 2 * left - columns) / stride + 1;
      double[] mean = new double[n * oh * ow * c];
      double[] largest = new double[mean.length];
      for (int at = 0; at < mean.length; at++) {
        int k = at % c;
        int column = at / c % ow * stride - left;
        int row = at / c / ow % oh * stride - top;
        int image = at / c / ow / oh;
        double sum = 0;
        int inside = 0;
        largest[at] = Double.NEGATIVE_INFINITY;
        for (int y = Math.max(row, 0); y < Math.min(row + rows, h); y++) {
          for (int z = Math.max(column, 0); z < Math.min(column + columns, w); z++) {
            double value = x[((image * h + y) * w + z) * c + k];
            sum += value;
            inside++;
            largest[at] = Math.max(largest[at], value);
          }
        }
        mean[at] = sum / inside;
      }
      MemorySegment out = room(arena, dtype, mean.length);
      call(Kernel.POOL, "x y average rows columns stride row_padding column_padding n h w c dtype")
          .with(in, out, 1, rows, columns, stride, top, left, n, h, w, c, dtype);
      assertClose(mean, get(out, dtype, mean.length), tolerance(dtype), "mean");
      call(Kernel.POOL, "x y average rows columns stride row_padding column_padding n h w c dtype")
          .with(in, out, 0, rows, columns, stride, top, left, n, h, w, c, dtype);
      assertClose(largest, get(out, dtype, mean.length), 0, "largest");
    }
  }

  @Test
  void refusesWindowsWithoutPixels() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment room = room(arena, 0, 64);
      assertThrows(
          KernelException.class,
          () ->
              call(
                      Kernel.POOL,
                      "x y average rows columns stride row_padding column_padding n h w c dtype")
                  .with(room, room, 1, 2, 2, 1, 2, 0, 1, 4, 4, 1, 0));
      assertThrows(
          KernelException.class,
          () ->
              call(
                      Kernel.POOL,
                      "x y average rows columns stride row_padding column_padding n h w c dtype")
                  .with(room, room, 1, 5, 5, 1, 0, 0, 1, 4, 4, 1, 0));
    }
  }
}
