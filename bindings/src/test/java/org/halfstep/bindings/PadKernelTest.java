package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.tolerance;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images in larger ones of zeros, and out of them. */
class PadKernelTest {
  private static final String NAMES = "x y accumulate n h w c out_h out_w out_c top left dtype";

  @ParameterizedTest
  @CsvSource({
    // n, h, w, c, rows above and below, columns left and right, channels behind, dtype
    "2, 7, 5, 33, 0, 1, 0, 1, 0, 0",
    "2, 7, 5, 33, 0, 1, 0, 1, 0, 1",
    "3, 4, 6, 16, 1, 2, 3, 0, 0, 0",
    "1, 1, 1, 1, 2, 0, 0, 2, 0, 0",
    "2, 3, 9, 3, 0, 1, 1, 0, 5, 1",
    "1, 30, 40, 64, 1, 1, 1, 1, 0, 0",
  })
  void padsAndCrops(
      int n, int h, int w, int c, int top, int bottom, int left, int right, int behind, int dtype) {
    int rows = top + h + bottom;
    int columns = left + w + right;
    int channels = c + behind;
    double[] small = normal(n * h * w * c, 1);
    double[] big = normal(n * rows * columns * channels, 2);
    for (int accumulate = 0; accumulate <= 1; accumulate++) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment x = put(arena, dtype, small);
        MemorySegment y = put(arena, dtype, big);
        double[] padded = new double[big.length];
        double[] cropped = new double[small.length];
        for (int k = 0; k < big.length; k++) {
          padded[k] = accumulate * big[k];
        }
        for (int k = 0; k < small.length; k++) {
          int row = k / c / w % h + top;
          int column = k / c % w + left;
          int at = ((k / c / w / h * rows + row) * columns + column) * channels + k % c;
          padded[at] += small[k];
          cropped[k] = big[at] + accumulate * small[k];
        }
        MemorySegment target = put(arena, dtype, big.clone());
        call(Kernel.PAD, NAMES)
            .with(x, target, accumulate, n, h, w, c, rows, columns, channels, top, left, dtype);
        assertClose(padded, get(target, dtype, big.length), tolerance(dtype), "padded");
        call(Kernel.CROP, NAMES)
            .with(x, y, accumulate, n, h, w, c, rows, columns, channels, top, left, dtype);
        assertClose(cropped, get(x, dtype, small.length), tolerance(dtype), "cropped");
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate(4096, 64);
      KernelException refused =
          assertThrows(
              KernelException.class,
              () -> call(Kernel.PAD, NAMES).with(x, x, 0, 1, 3, 3, 2, 3, 4, 2, 1, 0, HS_F32));
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
      assertThrows(
          KernelException.class,
          () -> call(Kernel.CROP, NAMES).with(x, x, 0, 1, 3, 3, 2, 3, 4, 1, 0, 0, HS_F32));
    }
  }
}
