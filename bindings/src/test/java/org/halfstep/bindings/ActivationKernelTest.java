package org.halfstep.bindings;

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
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Functions of single numbers and gated linear units against their formulas in double. */
class ActivationKernelTest {
  private static final int COUNT = 20011; // several blocks, and no multiple of a vector
  private static final String FORWARD = "x y function count dtype";
  private static final String BACKWARD = "x dy dx accumulate function count dtype";

  /** The functions with their slopes, in double. */
  enum Function {
    SILU(Kernels.HS_SILU, x -> x * sigmoid(x), x -> sigmoid(x) * (1 + x * (1 - sigmoid(x))), 3),
    RELU(Kernels.HS_RELU, x -> Math.max(x, 0), x -> x > 0 ? 1 : 0, 0),
    GELU(
        Kernels.HS_GELU,
        x -> x * normalBelow(x),
        x -> normalBelow(x) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI),
        10),
    GELU_TANH(
        Kernels.HS_GELU_TANH,
        x -> x * sigmoid(2 * inner(x)),
        x ->
            sigmoid(2 * inner(x))
                + x
                    * sigmoid(2 * inner(x))
                    * sigmoid(-2 * inner(x))
                    * 2
                    * Math.sqrt(2 / Math.PI)
                    * (1 + 3 * 0.044715 * x * x),
        10),
    QUICK_GELU(
        Kernels.HS_QUICK_GELU,
        x -> x * sigmoid(1.702f * x),
        x -> sigmoid(1.702f * x) * (1 + 1.702f * x * sigmoid(-1.702f * x)),
        10);

    final int code;
    final DoubleUnaryOperator value;
    final DoubleUnaryOperator slope;

    /** Units in the last place that a value near 0 may be off. */
    final int ulps;

    Function(int code, DoubleUnaryOperator value, DoubleUnaryOperator slope, int ulps) {
      this.code = code;
      this.value = value;
      this.slope = slope;
      this.ulps = ulps;
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private static double inner(double x) {
    return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
  }

  /**
   * What lies below x of the normal distribution: a series near 0, a continued fraction far out.
   */
  private static double normalBelow(double x) {
    double square = x * x;
    double density = Math.exp(-square / 2) / Math.sqrt(2 * Math.PI);
    if (Math.abs(x) < 3) {
      double term = x;
      double sum = x;
      for (int k = 1; k < 100; k++) {
        term *= square / (2 * k + 1);
        sum += term;
      }
      return 0.5 + density * sum;
    }
    double fraction = Math.abs(x);
    for (int k = 200; k > 0; k--) {
      fraction = Math.abs(x) + k / fraction;
    }
    return x < 0 ? density / fraction : 1 - density / fraction;
  }

  @ParameterizedTest
  @EnumSource
  void valuesAndSlopes(Function function) {
    for (int dtype : new int[] {HS_F32, HS_BF16}) {
      double[] x = normal(COUNT, 1, 0, 4);
      double[] dy = normal(COUNT, 2);
      double[] before = normal(COUNT, 3);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment in = put(arena, dtype, x);
        MemorySegment out = room(arena, dtype, COUNT);
        MemorySegment upstream = put(arena, dtype, dy);
        MemorySegment sum = put(arena, dtype, before);
        call(Kernel.ACTIVATION_FORWARD, FORWARD).with(in, out, function.code, COUNT, dtype);
        double[] want = Arrays.stream(x).map(function.value).toArray();
        assertClose(want, get(out, dtype, COUNT), tolerance(dtype), "y");
        call(Kernel.ACTIVATION_BACKWARD, BACKWARD)
            .with(in, upstream, out, 0, function.code, COUNT, dtype);
        call(Kernel.ACTIVATION_BACKWARD, BACKWARD)
            .with(in, upstream, sum, 1, function.code, COUNT, dtype);
        for (int k = 0; k < COUNT; k++) {
          want[k] = dy[k] * function.slope.applyAsDouble(x[k]);
        }
        assertClose(want, get(out, dtype, COUNT), tolerance(dtype), "dx");
        for (int k = 0; k < COUNT; k++) {
          want[k] += before[k];
        }
        assertClose(want, get(sum, dtype, COUNT), tolerance(dtype), "accumulated dx");
      }
    }
  }

  /** Each value to a few units in the last place of its own, into the far tails. */
  @ParameterizedTest
  @EnumSource
  void valuesAreAccurateEverywhere(Function function) {
    int count = 40000;
    double[] x = new double[count];
    for (int k = 0; k < count; k++) {
      x[k] = (k - count / 2) * (110.0 / (count / 2));
    }
    double[] special = {0, -0.0, 88, -88, 104, -104, 1e-20, -1e-20, 3e38, -3e38, 1e-40};
    System.arraycopy(special, 0, x, 0, special.length);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = room(arena, HS_F32, count);
      MemorySegment in = put(arena, HS_F32, x);
      call(Kernel.ACTIVATION_FORWARD, FORWARD).with(in, out, function.code, count, HS_F32);
      double[] got = get(out, HS_F32, count);
      for (int k = 0; k < count; k++) {
        double want = function.value.applyAsDouble(x[k]); // -0 and the far tails included
        // Where an exponential is e^-e, its exponent's rounding costs e units; where it is
        // subnormal, only |x| units of the smallest number count.
        double share = x[k] == 0 ? 1 : Math.abs(want / x[k]);
        double exponent = -Math.log(Math.max(share, Float.MIN_VALUE));
        double limit =
            (function.ulps + (function.ulps > 3 ? 4 * Math.max(exponent, 0) : 0))
                    * Math.ulp((float) want)
                + Math.abs(x[k]) * 2 * Float.MIN_VALUE;
        int at = k;
        assertTrue(
            Math.abs(got[k] - want) <= limit,
            () -> function + "(" + x[at] + ") is " + want + ", not " + got[at]);
      }
    }
  }

  /** Slopes are finite everywhere and flat far from 0. */
  @ParameterizedTest
  @EnumSource
  void slopesAreFlatFarOut(Function function) {
    double[] x = {3e38, 1e20, 200, -200, -1e20, -3e38};
    double[] dy = new double[x.length];
    Arrays.fill(dy, 1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = room(arena, HS_F32, x.length);
      call(Kernel.ACTIVATION_BACKWARD, BACKWARD)
          .with(put(arena, HS_F32, x), put(arena, HS_F32, dy), out, 0, function.code, 6, HS_F32);
      assertClose(
          new double[] {1, 1, 1, 0, 0, 0}, get(out, HS_F32, x.length), 1e-6, "slope far out");
    }
  }

  @ParameterizedTest
  @EnumSource
  void notANumberStaysOne(Function function) {
    try (Arena arena = Arena.ofConfined()) {
      for (int dtype : new int[] {HS_F32, HS_BF16}) {
        MemorySegment in = room(arena, dtype, 33); // all NaN
        MemorySegment out = arena.allocate(33 * 4, 64);
        call(Kernel.ACTIVATION_FORWARD, FORWARD).with(in, out, function.code, 33, dtype);
        assertTrue(Arrays.stream(get(out, dtype, 33)).allMatch(Double::isNaN));
      }
    }
  }

  @Test
  void unknownFunctionsAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate(64, 64);
      for (int function : new int[] {0, 6, -1}) {
        KernelException refused =
            assertThrows(
                KernelException.class,
                () -> call(Kernel.ACTIVATION_FORWARD, FORWARD).with(x, x, function, 4, HS_F32));
        assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
        assertThrows(
            KernelException.class,
            () ->
                call(Kernel.GLU_FORWARD, "x y function rows c dtype")
                    .with(x, x, function, 1, 4, HS_F32));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,0", "301,37,0", "301,37,1", "5,4097,0", "64,64,1"})
  void gatedLinearUnits(int rows, int c, int dtype) {
    for (Function function : Function.values()) {
      double[] x = normal(rows * 2 * c, 1, 0, 2);
      double[] dy = normal(rows * c, 2);
      double[] before = normal(rows * 2 * c, 3);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment in = put(arena, dtype, x);
        MemorySegment y = room(arena, dtype, (long) rows * c);
        MemorySegment upstream = put(arena, dtype, dy);
        double[] want = new double[rows * c];
        double[] gradient = new double[rows * 2 * c];
        for (int k = 0; k < want.length; k++) {
          int a = k / c * 2 * c + k % c;
          want[k] = x[a] * function.value.applyAsDouble(x[a + c]);
          gradient[a] = dy[k] * function.value.applyAsDouble(x[a + c]);
          gradient[a + c] = dy[k] * x[a] * function.slope.applyAsDouble(x[a + c]);
        }
        call(Kernel.GLU_FORWARD, "x y function rows c dtype")
            .with(in, y, function.code, rows, c, dtype);
        assertClose(want, get(y, dtype, want.length), tolerance(dtype), function + " y");
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
          MemorySegment dx = put(arena, dtype, before);
          call(Kernel.GLU_BACKWARD, "x dy dx accumulate function rows c dtype")
              .with(in, upstream, dx, accumulate, function.code, rows, c, dtype);
          double[] expected = gradient.clone();
          for (int k = 0; k < expected.length; k++) {
            expected[k] += accumulate * before[k];
          }
          assertClose(
              expected, get(dx, dtype, expected.length), tolerance(dtype), function + " dx");
        }
      }
    }
  }
}
