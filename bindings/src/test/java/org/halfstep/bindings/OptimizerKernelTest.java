package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Kernel.ADAM_VALUES;
import static org.halfstep.bindings.Kernel.Structs.ADAM;
import static org.halfstep.bindings.KernelCalls.run;
import static org.halfstep.bindings.Kernels.HS_BF16;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptimizerKernelTest {
  private static final int COUNT = 9001;

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void fiveStepsOfAdamAndItsAverage(int decoupled) {
    double lr = 1e-3;
    double decay = 0.01;
    double[] p = normal(COUNT, 1);
    double[] start = p.clone();
    double[] m = new double[COUNT];
    double[] v = new double[COUNT];
    double[] ema = p.clone();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment parameters = put(arena, HS_F32, p);
      MemorySegment average = put(arena, HS_F32, ema);
      MemorySegment values = arena.allocate(ADAM_VALUES.layout());
      MemorySegment sum = arena.allocate(JAVA_DOUBLE);
      MemorySegment struct =
          ADAM.select("count beta1 beta2 eps weight_decay decoupled")
              .allocate(arena, COUNT, 0.9, 0.999, 1e-8, decay, decoupled);
      ADAM.select("p m v ema values square_sum")
          .set(
              struct,
              parameters,
              put(arena, HS_F32, m),
              put(arena, HS_F32, v),
              average,
              values,
              sum);
      for (int step = 1; step <= 5; step++) {
        double[] g = normal(COUNT, 10 + step);
        double norm = Math.sqrt(squares(g));
        sum.set(JAVA_DOUBLE, 0, norm * norm);
        ADAM.select("g").set(struct, put(arena, HS_F32, g));
        ADAM_VALUES
            .select("step lr ema_decay clip_norm")
            .set(values, step, lr, 0.75, step == 5 ? 2 * norm : norm / 2);
        run(Kernel.ADAM_STEP, struct);
        for (int k = 0; k < COUNT; k++) {
          double clipped = step == 5 ? g[k] : 0.5 * g[k];
          double gradient = clipped + (decoupled == 0 ? decay * p[k] : 0);
          m[k] = 0.9 * m[k] + 0.1 * gradient;
          v[k] = 0.999 * v[k] + 0.001 * gradient * gradient;
          p[k] *= decoupled == 1 ? 1 - lr * decay : 1;
          double root = Math.sqrt(v[k] / (1 - Math.pow(0.999, step)));
          p[k] -= lr / (1 - Math.pow(0.9, step)) * m[k] / (root + 1e-8);
          ema[k] = 0.75 * ema[k] + 0.25 * p[k];
        }
      }
      double[] got = get(parameters, HS_F32, COUNT);
      assertClose(p, got, 1e-6, "parameters");
      double[] moved = new double[COUNT];
      for (int k = 0; k < COUNT; k++) {
        moved[k] = p[k] - start[k];
        got[k] -= start[k];
      }
      assertClose(moved, got, 3e-4, "movement"); // of 5e-3, in parameters up to 4: float rounding
      assertClose(ema, get(average, HS_F32, COUNT), 1e-6, "average");
      ADAM.select("ema square_sum").set(struct, NULL, NULL);
      run(Kernel.ADAM_STEP, struct);
      // Where values lie in a GPU's memory, the host cannot refuse them.
      if (!Arrays64.ON_CUDA) {
        ADAM_VALUES.select("step").set(values, 0);
        assertThrows(KernelException.class, () -> run(Kernel.ADAM_STEP, struct));
      }
      ADAM.select("values").set(struct, NULL);
      assertThrows(KernelException.class, () -> run(Kernel.ADAM_STEP, struct));
    }
  }

  private static double squares(double[] values) {
    return Arrays.stream(values).map(value -> value * value).sum();
  }

  /** Without a norm to clip by, or with one that is not exceeded, the gradient is as it is. */
  @Test
  void clippingScalesTheGradient() {
    double[] p = normal(COUNT, 1);
    double[] g = normal(COUNT, 2);
    double norm = Math.sqrt(squares(g));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment plain = stepped(arena, p, g, 0, NULL);
      MemorySegment sum = arena.allocateFrom(JAVA_DOUBLE, squares(g));
      assertSameBits(plain, stepped(arena, p, g, 0, sum), "no clipping");
      assertSameBits(plain, stepped(arena, p, g, norm * 3, sum), "a norm that is not reached");
      assertSameBits(plain, stepped(arena, p, g, norm / 3, NULL), "no sum of squares");
      // Each gradient scaled by the factor of the kernel is a float: the same step by another way.
      float factor = (float) (norm / 3 / norm);
      double[] scaled = Arrays.stream(g).map(value -> (float) value * factor).toArray();
      assertSameBits(
          stepped(arena, p, scaled, 0, NULL), stepped(arena, p, g, norm / 3, sum), "clipped");
    }
  }

  @Test
  void gradientsThatAreNotFiniteChangeNothing() {
    double[] p = normal(COUNT, 1);
    double[] g = normal(COUNT, 2);
    try (Arena arena = Arena.ofConfined()) {
      for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
        MemorySegment sum = arena.allocateFrom(JAVA_DOUBLE, bad);
        assertSameBits(put(arena, HS_F32, p), stepped(arena, p, g, 1, sum), "parameters");
      }
    }
  }

  /** The new parameters once more, rounded to bfloat16. */
  @Test
  void writesARoundedCopy() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment parameters = put(arena, HS_F32, normal(COUNT, 1));
      MemorySegment rounded = room(arena, HS_BF16, COUNT);
      MemorySegment struct = adam(arena, parameters, put(arena, HS_F32, normal(COUNT, 2)));
      ADAM.select("p_bf16").set(struct, rounded);
      run(Kernel.ADAM_STEP, struct);
      double[] want = get(parameters, HS_F32, COUNT);
      for (int k = 0; k < COUNT; k++) {
        want[k] = Arrays64.roundToBf16((float) want[k]);
      }
      assertClose(want, get(rounded, HS_BF16, COUNT), 0, "parameters as bf16");
    }
  }

  /** An average that decays slowly keeps differences far below its own size. */
  @Test
  void averagesKeepSmallDifferences() {
    double[] ema = normal(COUNT, 1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment average = put(arena, HS_F32, ema);
      MemorySegment parameters = put(arena, HS_F32, normal(COUNT, 2));
      MemorySegment struct = adam(arena, parameters, put(arena, HS_F32, new double[COUNT]));
      MemorySegment values =
          ADAM_VALUES.select("step lr ema_decay").allocate(arena, 1L, 1e-3, 0.9999);
      ADAM.select("ema values").set(struct, average, values);
      run(Kernel.ADAM_STEP, struct);
      double[] p = get(parameters, HS_F32, COUNT);
      for (int k = 0; k < COUNT; k++) {
        ema[k] = 0.9999 * ema[k] + 0.0001 * p[k];
      }
      assertClose(ema, get(average, HS_F32, COUNT), 1e-7, "average");
    }
  }

  /**
   * Moments in bfloat16, of numbers that float32 adds exactly: the first rounded to nearest, the
   * second by the word of its element.
   */
  @ParameterizedTest
  @ValueSource(ints = {COUNT, 8192})
  void momentsInBfloat16AreRoundedEachInItsWay(int count) {
    long seed = 0x123456789abcL;
    double[] p = normal(count, 1);
    double[] g = new double[count];
    double[] m = new double[count];
    double[] v = new double[count];
    for (int k = 0; k < count; k++) {
      g[k] = (k * 37L % 4096 - 2048) / 64.0;
      m[k] = k * 11L % 255 - 127;
      v[k] = k * 5L % 256;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment parameters = put(arena, HS_F32, p);
      MemorySegment first = put(arena, HS_BF16, m);
      MemorySegment second = put(arena, HS_BF16, v);
      MemorySegment values = ADAM_VALUES.select("step lr").allocate(arena, 7L, 1e-2);
      MemorySegment struct =
          ADAM.select("count beta1 beta2 eps state seed p g m v values")
              .allocate(
                  arena,
                  count,
                  0.5,
                  0.5,
                  1e-8,
                  HS_BF16,
                  seed,
                  parameters,
                  put(arena, HS_F32, g),
                  first,
                  second,
                  values);
      run(Kernel.ADAM_STEP, struct);
      int up = 0;
      for (int k = 0; k < count; k++) {
        double mean = 0.5 * m[k] + 0.5 * g[k];
        double square = 0.5 * v[k] + 0.5 * g[k] * g[k];
        double root = Math.sqrt(square / (1 - Math.pow(0.5, 7)));
        p[k] -= 1e-2 / (1 - Math.pow(0.5, 7)) * mean / (root + 1e-8);
        m[k] = Arrays64.roundToBf16((float) mean);
        int bits = Float.floatToIntBits((float) square);
        int random = PhiloxKernelTest.word(seed, 7, 0, k) & 0xffff;
        v[k] = Float.intBitsToFloat((bits + random) & 0xffff0000);
        up += v[k] > square ? 1 : 0;
      }
      assertTrue(up > count / 4, up + " of " + count + " rounded up");
      assertClose(m, get(first, HS_BF16, count), 0, "first moment");
      assertClose(v, get(second, HS_BF16, count), 0, "second moment");
      assertClose(p, get(parameters, HS_F32, count), 1e-6, "parameters by what was not rounded");
      ADAM.select("state").set(struct, Kernels.HS_U8);
      assertThrows(KernelException.class, () -> run(Kernel.ADAM_STEP, struct));
    }
  }

  /** Parameters after one step. */
  private static MemorySegment stepped(
      Arena arena, double[] p, double[] g, double clip, MemorySegment squareSum) {
    MemorySegment parameters = put(arena, HS_F32, p);
    MemorySegment struct = adam(arena, parameters, put(arena, HS_F32, g));
    MemorySegment values =
        ADAM_VALUES.select("step lr ema_decay clip_norm").allocate(arena, 7L, 3e-3, 0.9, clip);
    ADAM.select("values square_sum").set(struct, values, squareSum);
    run(Kernel.ADAM_STEP, struct);
    return parameters;
  }

  private static MemorySegment adam(Arena arena, MemorySegment p, MemorySegment g) {
    MemorySegment m = put(arena, HS_F32, normal(COUNT, 3));
    double[] squares = Arrays.stream(normal(COUNT, 4)).map(Math::abs).toArray();
    MemorySegment v = put(arena, HS_F32, squares);
    MemorySegment ema = put(arena, HS_F32, normal(COUNT, 5));
    MemorySegment values = ADAM_VALUES.select("step lr ema_decay").allocate(arena, 7L, 3e-3, 0.9);
    return ADAM.select("count beta1 beta2 eps p g m v ema values")
        .allocate(arena, COUNT, 0.9, 0.999, 1e-8, p, g, m, v, ema, values);
  }
}
