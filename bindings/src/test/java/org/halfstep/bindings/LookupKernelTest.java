package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.putInts;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Arrays64.tolerance;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows of tables, of sequences and of codebooks. */
class LookupKernelTest {
  @Test
  void looksUpRowsAndAddsTheirGradients() {
    int dim = 133;
    double[] table = normal(5 * dim, 1);
    double[] dy = normal(4 * dim, 2);
    int[] ids = {3, 0, 3, 4};
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = put(arena, HS_F32, table);
      MemorySegment named = putInts(arena, ids);
      MemorySegment y = room(arena, HS_F32, 4L * dim);
      MemorySegment dtable = room(arena, HS_F32, 5L * dim);
      call(Kernel.EMBEDDING_FORWARD, "table ids y accumulate n rows dim")
          .with(rows, named, y, 0, 4, 5, dim);
      double[] want = new double[4 * dim];
      double[] wantGradient = new double[5 * dim];
      for (int k = 0; k < want.length; k++) {
        want[k] = table[ids[k / dim] * dim + k % dim];
        wantGradient[ids[k / dim] * dim + k % dim] += dy[k];
      }
      assertClose(want, get(y, HS_F32, want.length), 0, "rows");
      call(Kernel.EMBEDDING_FORWARD, "table ids y accumulate n rows dim")
          .with(rows, named, y, 1, 4, 5, dim);
      for (int k = 0; k < want.length; k++) {
        want[k] *= 2;
      }
      assertClose(want, get(y, HS_F32, want.length), 0, "rows added to themselves");
      call(Kernel.EMBEDDING_BACKWARD, "dy ids dtable n rows dim")
          .with(put(arena, HS_F32, dy), named, dtable, 4, 5, dim);
      assertClose(wantGradient, get(dtable, HS_F32, 5 * dim), 1e-6, "gradient");
      int[] outside = {0, 5, -1, 1};
      MemorySegment outsideIds = putInts(arena, outside);
      MemorySegment gradients = put(arena, HS_F32, dy);
      if (!Arrays64.ON_CUDA) {
        KernelException refused =
            assertThrows(
                KernelException.class,
                () ->
                    call(Kernel.EMBEDDING_FORWARD, "table ids y accumulate n rows dim")
                        .with(rows, outsideIds, y, 0, 4, 5, dim));
        assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
        assertThrows(
            KernelException.class,
            () ->
                call(Kernel.EMBEDDING_BACKWARD, "dy ids dtable n rows dim")
                    .with(gradients, outsideIds, dtable, 4, 5, dim));
        return;
      }
      // The ids are where the host cannot look.
      call(Kernel.EMBEDDING_FORWARD, "table ids y accumulate n rows dim")
          .with(rows, outsideIds, y, 0, 4, 5, dim);
      call(Kernel.EMBEDDING_BACKWARD, "dy ids dtable n rows dim")
          .with(gradients, outsideIds, dtable, 4, 5, dim);
      double[] got = get(y, HS_F32, 4 * dim);
      Arrays.fill(wantGradient, 0);
      for (int k = 0; k < got.length; k++) {
        int id = outside[k / dim];
        boolean known = id >= 0 && id < 5;
        assertEquals(known ? table[id * dim + k % dim] : Double.NaN, got[k]);
        if (known) {
          wantGradient[id * dim + k % dim] += dy[k];
        }
      }
      assertClose(wantGradient, get(dtable, HS_F32, 5 * dim), 1e-6, "gradient of known ids");
    }
  }

  @ParameterizedTest
  @CsvSource({"77, 33, 0", "77, 33, 1", "1, 5, 0", "16, 768, 0"})
  void takesOneTokenOfEachSequence(int t, int c, int dtype) {
    int n = 3;
    int[] ids = {t - 1, 0, t / 2};
    double[] x = normal(n * t * c, 1);
    double[] dy = normal(n * c, 2);
    double[] before = normal(n * t * c, 3);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, dtype, x);
      MemorySegment named = putInts(arena, ids);
      MemorySegment y = room(arena, dtype, (long) n * c);
      MemorySegment upstream = put(arena, dtype, dy);
      call(Kernel.GATHER_FORWARD, "x ids y n t c dtype").with(in, named, y, n, t, c, dtype);
      double[] want = new double[n * c];
      double[] gradient = new double[n * t * c];
      for (int k = 0; k < want.length; k++) {
        int at = (k / c * t + ids[k / c]) * c + k % c;
        want[k] = x[at];
        gradient[at] = dy[k];
      }
      assertClose(want, get(y, dtype, want.length), 0, "y");
      for (int accumulate = 0; accumulate <= 1; accumulate++) {
        MemorySegment dx = put(arena, dtype, before);
        call(Kernel.GATHER_BACKWARD, "dy ids dx accumulate n t c dtype")
            .with(upstream, named, dx, accumulate, n, t, c, dtype);
        double[] expected = gradient.clone();
        for (int k = 0; k < expected.length; k++) {
          expected[k] += accumulate * before[k];
        }
        assertClose(expected, get(dx, dtype, expected.length), tolerance(dtype), "dx");
      }
    }
  }

  @Test
  void tokensOutsideTheSequenceAreNotRead() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = put(arena, HS_F32, normal(2 * 4 * 3, 1));
      MemorySegment y = room(arena, HS_F32, 2 * 3);
      MemorySegment outside = putInts(arena, 4, -1);
      KernelCalls.Call gather = call(Kernel.GATHER_FORWARD, "x ids y n t c dtype");
      KernelCalls.Call back = call(Kernel.GATHER_BACKWARD, "dy ids dx n t c dtype");
      if (!Arrays64.ON_CUDA) {
        KernelException refused =
            assertThrows(KernelException.class, () -> gather.with(x, outside, y, 2, 4, 3, HS_F32));
        assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
        assertThrows(KernelException.class, () -> back.with(y, outside, x, 2, 4, 3, HS_F32));
        return;
      }
      // The ids are where the host cannot look.
      gather.with(x, outside, y, 2, 4, 3, HS_F32);
      assertTrue(Arrays.stream(get(y, HS_F32, 6)).allMatch(Double::isNaN));
      back.with(put(arena, HS_F32, normal(6, 2)), outside, x, 2, 4, 3, HS_F32);
      assertTrue(Arrays.stream(get(x, HS_F32, 24)).allMatch(value -> value == 0));
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 3, 1, 0", "301, 3, 512, 0", "64, 4, 1000, 1", "33, 256, 40, 0"})
  void findsTheNearestRow(int rows, int dim, int entries, int dtype) {
    double[] x = normal(rows * dim, 1);
    double[] table = normal(entries * dim, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, dtype, x);
      MemorySegment ids = room(arena, HS_F32, rows);
      call(Kernel.NEAREST_ROW, "x table ids rows dim entries dtype")
          .with(in, put(arena, HS_F32, table), ids, rows, dim, entries, dtype);
      int[] got = ids.asSlice(0, 4L * rows).toArray(ValueLayout.JAVA_INT);
      for (int r = 0; r < rows; r++) {
        double least = Double.POSITIVE_INFINITY;
        for (int e = 0; e < entries; e++) {
          least = Math.min(least, distance(x, r, table, e, dim));
        }
        double found = distance(x, r, table, got[r], dim);
        assertTrue(found <= least * (1 + 1e-6), "row " + r + ": " + found + " and not " + least);
      }
    }
  }

  private static double distance(double[] x, int row, double[] table, int entry, int dim) {
    double sum = 0;
    for (int d = 0; d < dim; d++) {
      double difference = x[row * dim + d] - table[entry * dim + d];
      sum += difference * difference;
    }
    return sum;
  }

  @Test
  void takesTheFirstOfEquallyNearRows() {
    int entries = 100; // on a GPU equal ones lie with several lanes
    double[] table = new double[entries * 2];
    for (int e = 0; e < entries; e++) {
      table[2 * e] = e < 37 ? 5 : e % 2;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ids = room(arena, HS_F32, 3);
      call(Kernel.NEAREST_ROW, "x table ids rows dim entries dtype")
          .with(
              put(arena, HS_F32, new double[] {0, 0, 1, 0, 0.5, 1}),
              put(arena, HS_F32, table),
              ids,
              3,
              2,
              entries,
              HS_F32);
      int[] got = ids.asSlice(0, 12).toArray(ValueLayout.JAVA_INT);
      assertArrayEquals(new int[] {38, 37, 37}, got);
    }
  }

  @Test
  void tooLongVectorsAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = room(arena, HS_F32, 257);
      KernelException refused =
          assertThrows(
              KernelException.class,
              () ->
                  call(Kernel.NEAREST_ROW, "x table ids rows dim entries dtype")
                      .with(x, x, x, 1, 257, 1, HS_F32));
      assertEquals(Kernels.HS_UNSUPPORTED, refused.status());
    }
  }
}
