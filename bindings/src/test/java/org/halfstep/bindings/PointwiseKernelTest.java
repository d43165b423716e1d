package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Kernel.Structs.POINTWISE;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.KernelCalls.run;
import static org.halfstep.bindings.KernelCalls.workspaceBytes;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** 1x1 convolutions against plain double arithmetic. */
class PointwiseKernelTest {
  private static final double TOLERANCE = 1e-5;

  @BeforeAll
  static void onlyTheCpusLibraryHasThem() {
    assumeFalse(Arrays64.ON_CUDA);
  }

  /** Sizes and data of one case. */
  private static final class Case {
    final int n;
    final int hw;
    final int in0;
    final int in;
    final int out;
    final int stride;
    final boolean table;
    final boolean silu;
    final double[] x;
    final double[] weight;
    final double[] bias;
    final double[] residual;
    final double[] factors;
    final double[] dy;

    Case(int n, int hw, int in0, int in1, int out, int extra, boolean table, boolean silu) {
      this.n = n;
      this.hw = hw;
      this.in0 = in0;
      this.in = in0 + in1;
      this.out = out;
      this.stride = in + extra;
      this.table = table;
      this.silu = silu;
      x = normal(n * hw * in, 1, 0.5, 1);
      weight = normal(out * stride, 2);
      bias = normal(out, 3);
      residual = normal(n * hw * out, 4, 3, 1);
      factors = normal(n * 3 * in, 5);
      dy = normal(n * hw * out, 6);
    }

    /** The same with its first image only. */
    Case firstImage() {
      Case first = new Case(1, hw, in0, in - in0, out, stride - in, table, silu);
      System.arraycopy(x, 0, first.x, 0, first.x.length);
      System.arraycopy(residual, 0, first.residual, 0, first.residual.length);
      System.arraycopy(factors, 0, first.factors, 0, first.factors.length);
      return first;
    }

    double input(int pixel, int channel) {
      double value = x[pixel * in + channel];
      if (!table) {
        return value;
      }
      int at = pixel / hw * 3 * in + channel;
      double y = (value - factors[at]) * factors[at + in] + factors[at + 2 * in];
      return silu ? y / (1 + Math.exp(-y)) : y;
    }

    double[] forward(boolean withBias, boolean withResidual) {
      double[] y = withResidual ? residual.clone() : new double[n * hw * out];
      for (int p = 0; p < n * hw; p++) {
        for (int i = 0; i < in; i++) {
          double value = input(p, i);
          for (int o = 0; o < out; o++) {
            y[p * out + o] += value * weight[o * stride + i];
          }
        }
        for (int o = 0; withBias && o < out; o++) {
          y[p * out + o] += bias[o];
        }
      }
      return y;
    }

    double[] moments(double[] y) {
      double[] moments = new double[2 * n * out];
      for (int p = 0; p < n * hw; p++) {
        for (int o = 0; o < out; o++) {
          moments[p / hw * 2 * out + o] += y[p * out + o] / hw;
        }
      }
      for (int p = 0; p < n * hw; p++) {
        for (int o = 0; o < out; o++) {
          int at = p / hw * 2 * out + o;
          double deviation = y[p * out + o] - moments[at];
          moments[at + out] += deviation * deviation;
        }
      }
      return moments;
    }

    double[] weightGradient(double[] elsewhere) {
      double[] gradient = elsewhere.clone();
      for (int o = 0; o < out; o++) {
        Arrays.fill(gradient, o * stride, o * stride + in, 0);
      }
      for (int p = 0; p < n * hw; p++) {
        for (int i = 0; i < in; i++) {
          double value = input(p, i);
          for (int o = 0; o < out; o++) {
            gradient[o * stride + i] += dy[p * out + o] * value;
          }
        }
      }
      return gradient;
    }

    double[] biasGradient() {
      double[] gradient = new double[out];
      for (int k = 0; k < dy.length; k++) {
        gradient[k % out] += dy[k];
      }
      return gradient;
    }

    double[] source(boolean second) {
      int from = second ? in0 : 0;
      int width = second ? in - in0 : in0;
      double[] part = new double[n * hw * width];
      for (int k = 0; k < part.length; k++) {
        part[k] = x[k / width * in + from + k % width];
      }
      return part;
    }

    MemorySegment arguments(Arena arena, boolean gradient) {
      MemorySegment args =
          POINTWISE
              .select("n hw in0 in1 out stride silu x0")
              .allocate(
                  arena,
                  n,
                  hw,
                  in0,
                  in - in0,
                  out,
                  gradient ? stride : 0,
                  silu,
                  put(arena, HS_F32, source(false)));
      if (in > in0) {
        POINTWISE.select("x1").set(args, put(arena, HS_F32, source(true)));
      }
      if (table) {
        POINTWISE.select("table").set(args, put(arena, HS_F32, factors));
      }
      long bytes = workspaceBytes(POINTWISE, args, gradient);
      POINTWISE.select("workspace").set(args, room(arena, HS_F32, bytes / 4));
      return args;
    }
  }

  /** Room for the packed form of a matrix. */
  private static MemorySegment packed(Arena arena, int in, int out) {
    return room(arena, HS_F32, (long) in * ((out + 31) / 32 * 32));
  }

  /** What the kernel makes of a case. */
  private record Output(MemorySegment y, MemorySegment moments) {}

  private static Output forward(
      Arena arena, Case c, boolean bias, boolean residual, boolean inPlace, boolean moments) {
    MemorySegment args = c.arguments(arena, false);
    MemorySegment packed = packed(arena, c.in, c.out);
    call(Kernel.POINTWISE_PACK, "weight stride in out transposed packed")
        .with(put(arena, HS_F32, c.weight), c.stride, c.in, c.out, 0, packed);
    POINTWISE.select("packed").set(args, packed);
    if (bias) {
      POINTWISE.select("bias").set(args, put(arena, HS_F32, c.bias));
    }
    MemorySegment added = put(arena, HS_F32, c.residual);
    MemorySegment y = inPlace ? added : room(arena, HS_F32, c.residual.length);
    if (residual) {
      POINTWISE.select("residual").set(args, added);
    }
    POINTWISE.select("y").set(args, y);
    MemorySegment means = room(arena, HS_F32, 2L * c.n * c.out);
    if (moments) {
      POINTWISE.select("moments").set(args, means);
    }
    run(Kernel.POINTWISE_FORWARD, args);
    return new Output(y, means);
  }

  private static void gradient(Arena arena, Case c, MemorySegment dweight, MemorySegment dbias) {
    MemorySegment args = c.arguments(arena, true);
    POINTWISE.select("dy dweight dbias").set(args, put(arena, HS_F32, c.dy), dweight, dbias);
    run(Kernel.POINTWISE_GRADIENT, args);
  }

  @ParameterizedTest
  @CsvSource({
    // n, hw, channels of the sources, out, further columns of the weight, table, silu
    "1, 1, 1, 0, 1, 0, false, false",
    "1, 1, 1, 0, 1, 0, true, true",
    "3, 35, 17, 0, 13, 5, false, false",
    "2, 49, 5, 3, 33, 0, true, false",
    "2, 97, 35, 20, 47, 1, true, true",
    "5, 7, 31, 64, 65, 0, true, true",
    "1, 331, 48, 16, 96, 7, false, false",
    "2, 193, 64, 64, 64, 0, false, false",
    "7, 4, 33, 1, 129, 2, true, false",
    // Whole vectors and panels of some instruction sets, but not of all.
    "2, 49, 48, 0, 40, 0, false, false",
    "3, 20, 24, 16, 16, 5, true, true",
    // Rows that would share the sets of a cache, and more than one slice of pixels.
    "1, 29, 1024, 0, 20, 0, false, false",
    "1, 17, 20, 1024, 9, 0, false, false",
    "3, 1500, 11, 9, 19, 0, true, true",
    "2, 2100, 32, 0, 40, 3, false, false",
  })
  void agreesWithPlainArithmetic(
      int n, int hw, int in0, int in1, int out, int extra, boolean table, boolean silu) {
    Case c = new Case(n, hw, in0, in1, out, extra, table, silu);
    for (int choice = 0; choice < 8; choice++) {
      boolean bias = (choice & 1) != 0;
      boolean residual = (choice & 2) != 0;
      boolean moments = (choice & 4) != 0;
      double[] want = c.forward(bias, residual);
      try (Arena arena = Arena.ofConfined()) {
        for (boolean inPlace : new boolean[] {false, true}) {
          Output output = forward(arena, c, bias, residual, inPlace, moments);
          assertClose(want, get(output.y, HS_F32, want.length), TOLERANCE, "y " + choice);
          if (moments) {
            double[] expected = c.moments(want);
            assertClose(
                expected, get(output.moments, HS_F32, expected.length), TOLERANCE, "moments");
          }
        }
      }
    }
    try (Arena arena = Arena.ofConfined()) {
      double[] before = normal(c.weight.length, 7);
      MemorySegment dweight = put(arena, HS_F32, before);
      MemorySegment dbias = room(arena, HS_F32, out);
      gradient(arena, c, dweight, dbias);
      // What lies outside the range of columns must survive.
      assertClose(
          c.weightGradient(before), get(dweight, HS_F32, before.length), TOLERANCE, "dweight");
      assertClose(c.biasGradient(), get(dbias, HS_F32, out), 10 * TOLERANCE, "dbias");
      gradient(arena, c, dweight, NULL);
    }
  }

  @ParameterizedTest
  @CsvSource({"35, 17, 13, 20", "97, 64, 96, 96", "12, 33, 40, 41"})
  void gradientOfTheInputTakesTheTransposedWeight(int pixels, int in, int out, int stride) {
    double[] weight = normal(out * stride, 8);
    double[] dy = normal(pixels * out, 9);
    double[] want = new double[pixels * in];
    for (int p = 0; p < pixels; p++) {
      for (int o = 0; o < out; o++) {
        for (int i = 0; i < in; i++) {
          want[p * in + i] += dy[p * out + o] * weight[o * stride + i];
        }
      }
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment packed = packed(arena, out, in);
      call(Kernel.POINTWISE_PACK, "weight stride in out transposed packed")
          .with(put(arena, HS_F32, weight), stride, out, in, 1, packed);
      MemorySegment args =
          POINTWISE
              .select("n hw in0 out x0 packed")
              .allocate(arena, 1, pixels, out, in, put(arena, HS_F32, dy), packed);
      MemorySegment dx = room(arena, HS_F32, want.length);
      POINTWISE.select("y").set(args, dx);
      long bytes = workspaceBytes(POINTWISE, args, false);
      POINTWISE.select("workspace").set(args, room(arena, HS_F32, bytes / 4));
      run(Kernel.POINTWISE_FORWARD, args);
      assertClose(want, get(dx, HS_F32, want.length), TOLERANCE, "dx");
    }
  }

  @ParameterizedTest
  @CsvSource({"3, 64, 64, 32, 96", "2, 1024, 64, 0, 160", "4, 5, 40, 3, 70", "3, 1500, 33, 0, 47"})
  void threadsAndBatchDoNotChangeABit(int n, int hw, int in0, int in1, int out) {
    Case c = new Case(n, hw, in0, in1, out, 0, true, true);
    try (Arena arena = Arena.ofConfined()) {
      Output[] outputs = new Output[3];
      MemorySegment[] gradients = new MemorySegment[6];
      for (int threads = 1; threads <= 3; threads++) {
        int k = threads - 1;
        gradients[2 * k] = room(arena, HS_F32, c.weight.length);
        gradients[2 * k + 1] = room(arena, HS_F32, out);
        Arrays64.withThreads(
            threads,
            () -> {
              outputs[k] = forward(arena, c, true, true, false, true);
              gradient(arena, c, gradients[2 * k], gradients[2 * k + 1]);
            });
        assertSameBits(outputs[0].y, outputs[k].y, "y");
        assertSameBits(outputs[0].moments, outputs[k].moments, "moments");
        assertSameBits(gradients[0], gradients[2 * k], "dweight");
        assertSameBits(gradients[1], gradients[2 * k + 1], "dbias");
      }
      Output alone = forward(arena, c.firstImage(), true, true, false, true);
      assertSameBits(outputs[0].y.asSlice(0, alone.y.byteSize()), alone.y, "first image");
      assertSameBits(
          outputs[0].moments.asSlice(0, alone.moments.byteSize()), alone.moments, "its moments");
      Output plain = forward(arena, c.firstImage(), true, true, false, false);
      assertSameBits(plain.y, alone.y, "without moments");
    }
  }

  /** A mean far above the deviations must not cost the variance its digits. */
  @Test
  void momentsOfAnImageFarFromZero() {
    Case c = new Case(1, 150, 24, 0, 40, 0, false, false);
    Arrays.fill(c.bias, 1000);
    try (Arena arena = Arena.ofConfined()) {
      Output output = forward(arena, c, true, false, false, true);
      double[] want = c.moments(c.forward(true, false));
      assertClose(want, get(output.moments, HS_F32, want.length), 1e-3, "moments");
    }
  }

  @Test
  void refusesSizesAndPointersThatAreMissing() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment args = POINTWISE.allocate(arena);
      assertThrows(KernelException.class, () -> run(Kernel.POINTWISE_FORWARD, args));
      assertThrows(KernelException.class, () -> run(Kernel.POINTWISE_GRADIENT, args));
      MemorySegment weight = put(arena, HS_F32, normal(12, 10));
      assertThrows(
          KernelException.class,
          () ->
              call(Kernel.POINTWISE_PACK, "weight stride in out transposed packed")
                  .with(weight, 3, 4, 4, 0, weight));
    }
  }
}
