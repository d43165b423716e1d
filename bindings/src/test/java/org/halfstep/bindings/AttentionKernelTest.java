package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Kernel.Structs.ATTENTION;
import static org.halfstep.bindings.KernelCalls.giveWorkspace;
import static org.halfstep.bindings.KernelCalls.run;
import static org.halfstep.bindings.Kernels.HS_BF16;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.halfstep.bindings.AttentionDefinition.Layout;
import org.halfstep.bindings.AttentionDefinition.Sizes;
import org.halfstep.bindings.AttentionDefinition.Sums;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionKernelTest {

  /** One call's memory: queries, keys and values in one array, their gradients in another. */
  private static final class Buffers {
    final Sizes sizes;
    final int dtype;
    final MemorySegment struct;
    final MemorySegment y;
    final MemorySegment logsumexp;
    final MemorySegment gradient;

    Buffers(Arena arena, Sizes s, int dtype, double[] inputs, double[] dy) {
      this.sizes = s;
      this.dtype = dtype;
      MemorySegment in = Arrays64.put(arena, dtype, inputs);
      y = Arrays64.room(arena, dtype, s.results());
      logsumexp = Arrays64.room(arena, HS_F32, s.rows());
      gradient = Arrays64.put(arena, dtype, filled(s.inputs(), Double.NaN));
      struct =
          ATTENTION
              .select("n tq tk heads d causal dtype scale y logsumexp dy")
              .allocate(
                  arena,
                  s.n(),
                  s.tq(),
                  s.tk(),
                  s.heads(),
                  s.d(),
                  s.causal(),
                  dtype,
                  (float) s.scale(),
                  y,
                  logsumexp,
                  Arrays64.put(arena, dtype, dy));
      for (int part = 0; part < 3; part++) {
        String name = "qkv".substring(part, part + 1);
        MemorySegment x = at(in, s.layout(part).first());
        MemorySegment dx = at(gradient, s.layout(part).first());
        ATTENTION.select(name + " d" + name).set(struct, x, dx);
        lay(name, s.layout(part));
      }
      lay("y", s.layout(3));
      if (s.lengths() != null) {
        MemorySegment lengths = arena.allocateFrom(ValueLayout.JAVA_INT, s.lengths());
        ATTENTION.select("lengths").set(struct, lengths);
      }
      giveWorkspace(arena, ATTENTION, struct);
    }

    private void lay(String name, Layout rows) {
      ATTENTION
          .select(name + "_sample " + name + "_row " + name + "_head")
          .set(struct, rows.sample(), rows.row(), rows.head());
    }

    private MemorySegment at(MemorySegment array, long element) {
      return array.asSlice(element * (dtype == HS_BF16 ? Short.BYTES : Float.BYTES));
    }

    void forward() {
      run(Kernel.ATTENTION_FORWARD, struct);
    }

    void backward() {
      run(Kernel.ATTENTION_BACKWARD, struct);
    }
  }

  private static double[] filled(int count, double value) {
    double[] values = new double[count];
    Arrays.fill(values, value);
    return values;
  }

  /**
   * Compares both passes with the definition: in float32 to a tolerance; in bfloat16 no result may
   * be further from it than rounding takes it.
   */
  private static void check(Sizes s, int dtype, double spread) {
    double[] inputs = normal(s.inputs(), 1, 0, spread);
    double[] dy = normal(s.results(), 2);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, s, dtype, inputs, dy);
      buffers.forward();
      double[] lse = new double[s.rows()];
      check(s.results(inputs, lse), buffers.y, dtype, 2e-5, "y");
      assertClose(lse, Arrays64.get(buffers.logsumexp, HS_F32, lse.length), 1e-5, "logsumexp");
      buffers.backward();
      // An error of a score, which grows with both factors, is one of its exponential.
      double tolerance = 5e-5 * spread * spread;
      check(s.gradients(inputs, dy), buffers.gradient, dtype, tolerance, "gradients");
    }
  }

  private static void check(Sums want, MemorySegment at, int dtype, double tolerance, String what) {
    double[] got = Arrays64.get(at, dtype, want.values.length);
    double[] errors = dtype == HS_BF16 ? want.halfPrecisionErrors() : new double[got.length];
    assertClose(want.values, got, tolerance, errors, what);
  }

  @ParameterizedTest
  @CsvSource({
    "2, 1, 1, 1, LEGACY, 0",
    "2, 49, 3, 20, LEGACY, 0",
    "1, 196, 2, 33, NEW, 0", // several blocks of keys, a last one of four
    "1, 131, 1, 72, NEW, 0",
    "1, 37, 1, 300, LEGACY, 0",
    "2, 65, 2, 16, NEW, 1",
    "1, 70, 1, 130, LEGACY, 1",
    "2, 7, 2, 5, LEGACY, 0",
    "1, 70, 1, 2, NEW, 0",
    "1, 34, 1, 66, LEGACY, 0", // wider than a vector tile: two blocks of 32
    "3, 131, 2, 37, NEW, 0", // tiles of 3 keys and 3 queries, tails of 1 and 5 channels
    "1, 21, 2, 300, NEW, 0",
    "1, 40, 1, 96, NEW, 1",
  })
  void oneProjectionInEitherOrder(int n, int t, int heads, int d, String order, int dtype) {
    check(Sizes.self(n, t, heads, d, order.equals("LEGACY"), false, null), dtype, 1);
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 16, 24, 32, 40, 64, 80, 96, 128, 160, 384, 512, 576, 960})
  void headWidths(int d) {
    check(Sizes.self(1, 37, 2, d, false, false, null), HS_F32, 1);
    check(Sizes.cross(2, 35, 77, 1, d, null), HS_F32, 1);
    check(Sizes.cross(1, 35, 20, 1, d, null), HS_BF16, 1);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 77, 3, 32",
    "2, 9, 1, 4, 16",
    "1, 256, 77, 1, 8",
    "2, 25, 5, 5, 24",
    "1, 3, 300, 2, 96"
  })
  void otherTokensThanTheQueries(int n, int tq, int tk, int heads, int d) {
    check(Sizes.cross(n, tq, tk, heads, d, null), HS_F32, 2);
  }

  /** Odd numbers of keys and widths, and widths that leave a part of a vector, of whole pairs. */
  @ParameterizedTest
  @CsvSource({
    "1, 64, 64, 1, 40",
    "2, 65, 77, 2, 40",
    "1, 131, 129, 1, 80",
    "1, 7, 1, 1, 2",
    "1, 33, 63, 1, 256",
    "1, 16, 300, 1, 18",
    "1, 20, 35, 2, 33",
    "1, 5, 6, 1, 258"
  })
  void pairsOfBfloat16(int n, int tq, int tk, int heads, int d) {
    check(Sizes.cross(n, tq, tk, heads, d, null), HS_BF16, 1);
  }

  @ParameterizedTest
  @CsvSource({"1, 77, 2, 16", "2, 7, 3, 8", "1, 130, 1, 80", "3, 1, 2, 8", "1, 50, 1, 384"})
  void queriesThatSeeNoLaterKeys(int n, int t, int heads, int d) {
    check(Sizes.self(n, t, heads, d, false, true, null), HS_F32, 3);
    check(Sizes.self(n, t, heads, d, true, true, null), HS_BF16, 1);
    int[] lengths = new int[n];
    Arrays.setAll(lengths, i -> Math.max(1, t / 2 - i));
    check(Sizes.self(n, t, heads, d, true, true, lengths), HS_F32, 1);
  }

  @Test
  void keysPastALengthTakeNoPart() {
    check(Sizes.cross(3, 70, 77, 2, 24, new int[] {77, 5, 64}), HS_F32, 2);
    check(Sizes.self(2, 131, 1, 80, true, false, new int[] {100, 1}), HS_F32, 1);
    // Lengths that no sample has count as the nearest one that can be.
    Sizes odd = Sizes.cross(2, 9, 20, 1, 8, new int[] {-3, 500});
    Sizes meant = Sizes.cross(2, 9, 20, 1, 8, new int[] {1, 20});
    double[] inputs = normal(odd.inputs(), 1);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, odd, HS_F32, inputs, normal(odd.results(), 2));
      buffers.forward();
      double[] y = Arrays64.get(buffers.y, HS_F32, odd.results());
      assertClose(meant.forward(inputs, null), y, 1e-5, "y");
    }
  }

  @Test
  void aLaterTokenChangesNothingBeforeIt() {
    Sizes s = Sizes.self(1, 77, 1, 40, false, true, null);
    double[] inputs = normal(s.inputs(), 1);
    try (Arena arena = Arena.ofConfined()) {
      double[] dy = normal(s.results(), 2);
      Buffers one = new Buffers(arena, s, HS_F32, inputs, dy);
      for (int j = 66 * 120; j < 67 * 120; j++) {
        inputs[j] = 50;
      }
      Buffers other = new Buffers(arena, s, HS_F32, inputs, dy);
      one.forward();
      other.forward();
      double[] before = Arrays64.get(one.y, HS_F32, 66 * 40);
      assertArrayEquals(before, Arrays64.get(other.y, HS_F32, 66 * 40));
    }
  }

  @Test
  void theChainRuleAgreesWithFiniteDifferences() {
    for (Sizes s :
        new Sizes[] {
          Sizes.self(2, 9, 2, 3, false, false, null),
          Sizes.self(1, 6, 1, 3, true, true, null),
          Sizes.cross(2, 4, 5, 2, 3, new int[] {5, 2})
        }) {
      double[] inputs = normal(s.inputs(), 1);
      double[] dy = normal(s.results(), 2);
      assertClose(s.finiteDifferences(inputs, dy), s.gradient(inputs, dy), 1e-8, "gradients");
    }
  }

  @Test
  void extremeScoresStayFinite() {
    for (boolean causal : new boolean[] {false, true}) {
      Sizes s = Sizes.self(1, 80, 1, 4, false, causal, null);
      double[] inputs = normal(s.inputs(), 3, 0, 60); // scores of thousands
      try (Arena arena = Arena.ofConfined()) {
        Buffers buffers = new Buffers(arena, s, HS_F32, inputs, normal(s.results(), 2));
        buffers.forward();
        double[] got = Arrays64.get(buffers.y, HS_F32, s.results());
        assertClose(s.forward(inputs, null), got, 2e-3, "y");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 24, 0", "4, 24, 0", "1, 300, 0", "1, 40, 1"}) // blocks share one head, heads four
  void threadsDoNotChangeABit(int heads, int d, int dtype) {
    Sizes s = Sizes.self(1, 150, heads, d, true, false, null);
    double[] inputs = normal(s.inputs(), 1);
    double[] dy = normal(s.results(), 2);
    try (Arena arena = Arena.ofConfined()) {
      Buffers alone = new Buffers(arena, s, dtype, inputs, dy);
      Buffers shared = new Buffers(arena, s, dtype, inputs, dy);
      for (int threads = 1; threads <= 2; threads++) {
        Buffers buffers = threads == 1 ? alone : shared;
        Arrays64.withThreads(
            threads,
            () -> {
              buffers.forward();
              buffers.backward();
            });
      }
      assertSameBits(alone.y, shared.y, "y");
      assertSameBits(alone.logsumexp, shared.logsumexp, "logsumexp");
      assertSameBits(alone.gradient, shared.gradient, "gradients");
    }
  }

  @Test
  void refusesHeadsThatAreTooWideAndArgumentsThatAreMissing() {
    Sizes s = Sizes.self(1, 1, 1, 8, false, false, null);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, s, HS_F32, normal(24, 1), normal(8, 2));
      ATTENTION.select("d").set(buffers.struct, 2000);
      assertEquals(Kernels.HS_UNSUPPORTED, refusal(buffers).status());
      ATTENTION.select("d").set(buffers.struct, 8);
      ATTENTION.select("k").set(buffers.struct, NULL);
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refusal(buffers).status());
    }
  }

  private static KernelException refusal(Buffers buffers) {
    return assertThrows(KernelException.class, buffers::forward);
  }
}
