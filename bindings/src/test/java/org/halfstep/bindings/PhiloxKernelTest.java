package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.putInts;
import static org.halfstep.bindings.Arrays64.putLongs;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_BF16;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PhiloxKernelTest {
  private static final long SEED = 0x0123456789abcdefL;

  /** Philox 4x32-10 in its reference form. */
  private static int[] philox(int[] counter, int[] key) {
    int[] c = counter.clone();
    int k0 = key[0];
    int k1 = key[1];
    for (int round = 0; round < 10; round++) {
      long first = (c[0] & 0xffffffffL) * 0xD2511F53L;
      long second = (c[2] & 0xffffffffL) * 0xCD9E8D57L;
      c =
          new int[] {
            (int) (second >>> 32) ^ c[1] ^ k0,
            (int) second,
            (int) (first >>> 32) ^ c[3] ^ k1,
            (int) first
          };
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    return c;
  }

  private static double unit(int word) {
    return ((word & 0xffffffffL) + 0.5) * 0x1p-32;
  }

  /** The word for an element of a sample. */
  static int word(long seed, long sample, int draw, int element) {
    int[] counter = {element / 4, draw, (int) sample, (int) (sample >>> 32)};
    return philox(counter, new int[] {(int) seed, (int) (seed >>> 32)})[element % 4];
  }

  private static double[] normalTwin(long seed, long[] samples, int draw, int each) {
    double[] values = new double[samples.length * each];
    for (int k = 0; k < values.length; k++) {
      int e = k % each;
      double u1 = unit(word(seed, samples[k / each], draw, e & ~1));
      double u2 = unit(word(seed, samples[k / each], draw, e | 1));
      double angle = 2 * Math.PI * u2;
      values[k] = Math.sqrt(-2 * Math.log(u1)) * (e % 2 == 0 ? Math.cos(angle) : Math.sin(angle));
    }
    return values;
  }

  @Test
  void theTwinHasTheKnownAnswers() {
    assertArrayEquals(
        new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, philox(new int[4], new int[2]));
    assertArrayEquals(
        new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        philox(new int[] {-1, -1, -1, -1}, new int[] {-1, -1}));
    assertArrayEquals(
        new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
        philox(
            new int[] {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
            new int[] {0xa4093822, 0x299f31d0}));
  }

  /** Where the kernel reads the seed and the draw. */
  private static MemorySegment key(Arena arena, long seed, int draw) {
    MemorySegment key = arena.allocate(12, 8);
    key.set(ValueLayout.JAVA_LONG, 0, seed);
    key.set(ValueLayout.JAVA_INT, 8, draw);
    return key;
  }

  private static void normal(MemorySegment y, MemorySegment key, MemorySegment ids, int each) {
    int n = (int) (ids.byteSize() / Long.BYTES);
    call(Kernel.PHILOX_NORMAL, "y key sample_ids n per_sample dtype")
        .with(y, key, ids, n, each, HS_F32);
  }

  @Test
  void theKernelHasTheKnownAnswers() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment y = room(arena, HS_F32, 4);
      normal(y, key(arena, 0, 0), putLongs(arena, 0), 4);
      double first = Math.sqrt(-2 * Math.log(unit(0x6627e8d5)));
      double second = Math.sqrt(-2 * Math.log(unit(0xbc57ac4c)));
      double turn = 2 * Math.PI;
      double[] want = {
        first * Math.cos(turn * unit(0xe169c58d)),
        first * Math.sin(turn * unit(0xe169c58d)),
        second * Math.cos(turn * unit(0x9b00dbd8)),
        second * Math.sin(turn * unit(0x9b00dbd8))
      };
      assertClose(want, get(y, HS_F32, 4), 1.2e-7, "normal");
    }
  }

  @Test
  void normalIsTheTwin() {
    long[] samples = {0, 5, 0x123456789aL, -1};
    int each = 777;
    double[] want = normalTwin(SEED, samples, -7, each);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ids = putLongs(arena, samples);
      MemorySegment key = key(arena, SEED, -7);
      MemorySegment y = room(arena, HS_F32, 4L * each);
      normal(y, key, ids, each);
      assertClose(want, get(y, HS_F32, 4 * each), 1.2e-7, "normal");
      call(Kernel.PHILOX_NORMAL, "y key sample_ids n per_sample dtype")
          .with(y, key, ids, 4, each, HS_BF16);
      assertClose(want, get(y, HS_BF16, 4 * each), 4e-3, "normal as bf16");
      assertThrows(
          KernelException.class,
          () -> call(Kernel.PHILOX_NORMAL, "y sample_ids n per_sample").with(y, ids, 4, each));
    }
  }

  @Test
  void aSampleIsTheSameInAnyBatchAndOnAnyNumberOfThreads() {
    int each = 3001;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment alone = room(arena, HS_F32, each);
      MemorySegment batch = room(arena, HS_F32, 5L * each);
      MemorySegment key = key(arena, SEED, 3);
      Arrays64.withThreads(1, () -> normal(alone, key, putLongs(arena, 42), each));
      MemorySegment ids = putLongs(arena, 1, 2, 3, 42, 5);
      Arrays64.withThreads(2, () -> normal(batch, key, ids, each));
      assertSameBits(alone, batch.asSlice(3L * each * 4, each * 4L), "sample 42");
    }
  }

  @Test
  void normalNumbersAreNormal() {
    int count = 200_000;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment y = room(arena, HS_F32, count);
      normal(y, key(arena, 1, 0), putLongs(arena, 0), count);
      double[] values = get(y, HS_F32, count);
      double mean = Arrays.stream(values).average().orElseThrow();
      double square = Arrays.stream(values).map(v -> v * v).average().orElseThrow();
      double fourth = Arrays.stream(values).map(v -> v * v * v * v).average().orElseThrow();
      assertEquals(0, mean, 5 / Math.sqrt(count));
      assertEquals(1, square, 5 * Math.sqrt(2.0 / count));
      assertEquals(3, fourth, 5 * Math.sqrt(96.0 / count));
    }
  }

  @Test
  void dropoutIsItsOwnGradientAndFollowsTheKeyOfItsLayer() {
    int n = 2;
    int each = 5001;
    float p = 0.3f;
    long[] samples = {9, 4};
    double[] x = Arrays64.normal(n * each, 1);
    try (Arena arena = Arena.ofConfined()) {
      for (int dtype : new int[] {HS_F32, HS_BF16}) {
        MemorySegment in = put(arena, dtype, x);
        MemorySegment y = room(arena, dtype, n * each);
        MemorySegment ids = putLongs(arena, samples);
        MemorySegment draw = putInts(arena, 11);
        call(Kernel.DROPOUT, "x y p seed sample_ids draw layer n per_sample dtype")
            .with(in, y, p, SEED, ids, draw, 2, n, each, dtype);
        double[] want = new double[n * each];
        long seed = SEED ^ ((long) (0x9E3779B9 * 3) << 32);
        int kept = 0;
        for (int k = 0; k < want.length; k++) {
          boolean keeps = unit(word(seed, samples[k / each], 11, k % each)) >= p;
          want[k] = keeps ? x[k] / (1 - (double) p) : 0;
          kept += keeps ? 1 : 0;
        }
        assertEquals(1 - p, kept / (double) want.length, 0.02);
        assertClose(want, get(y, dtype, want.length), Arrays64.tolerance(dtype), "dropout");
        MemorySegment other = room(arena, dtype, n * each);
        call(Kernel.DROPOUT, "x y p seed sample_ids draw layer n per_sample dtype")
            .with(in, other, p, SEED, ids, draw, 3, n, each, dtype);
        assertFalse(y.mismatch(other) < 0, "another layer has another mask");
        call(Kernel.DROPOUT, "x y p seed sample_ids draw layer n per_sample dtype")
            .with(in, other, 0f, SEED, ids, draw, 3, n, each, dtype);
        assertTrue(in.mismatch(other) < 0, "p = 0 keeps everything");
        assertThrows(
            KernelException.class,
            () ->
                call(Kernel.DROPOUT, "x y p seed sample_ids draw layer n per_sample dtype")
                    .with(in, y, 1f, SEED, ids, draw, 0, n, each, dtype));
      }
    }
  }
}
