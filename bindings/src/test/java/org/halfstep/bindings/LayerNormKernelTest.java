package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Arrays64.tolerance;
import static org.halfstep.bindings.Arrays64.withThreads;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Layer normalisation and its gradients against sums in double. */
class LayerNormKernelTest {
  private static final Struct.Selection FORWARD =
      Kernel.Structs.LAYER_NORM.select("rows c dtype eps x weight bias y");
  private static final Struct.Selection BACKWARD =
      Kernel.Structs.LAYER_NORM.select(
          "rows c dtype eps x weight dy dx dweight dbias accumulate workspace");

  private static MemorySegment workspace(Arena arena, int rows, int c) {
    MemorySegment sizes =
        Kernel.Structs.LAYER_NORM.select("rows c").allocate(arena, (long) rows, (long) c);
    long bytes = KernelCalls.workspaceBytes(Kernel.Structs.LAYER_NORM, sizes, true);
    return arena.allocate(Math.max(bytes, 1), 64).fill((byte) 0xff);
  }

  @ParameterizedTest
  @CsvSource({
    // rows, channels, mean, spread, eps, dtype
    "1, 1, 0, 1, 1e-5, 0",
    "5, 7, 0, 1, 1e-5, 0",
    "300, 33, 0, 1, 1e-5, 0",
    "300, 33, 0, 1, 1e-5, 1",
    "77, 768, 0, 1, 1e-5, 0",
    "64, 320, 0, 1, 1e-6, 1",
    "130, 100, 0, 3, 1e-12, 0",
    "40, 65, 300, 1, 1e-5, 0",
    "40, 64, 0, 1e-3, 1e-6, 0",
  })
  void normalisesAsDefined(int rows, int c, double mean, double spread, float eps, int dtype) {
    double[] x = normal(rows * c, 1, mean, spread);
    double[] weight = normal(c, 2, 1, 0.3);
    double[] bias = normal(c, 3);
    double[] dy = normal(rows * c, 4);
    double[] before = normal(rows * c, 5);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, dtype, x);
      MemorySegment factors = put(arena, HS_F32, weight);
      MemorySegment upstream = put(arena, dtype, dy);
      MemorySegment y = room(arena, dtype, (long) rows * c);
      KernelCalls.run(
          Kernel.LAYER_NORM_FORWARD,
          FORWARD.allocate(arena, rows, c, dtype, eps, in, factors, put(arena, HS_F32, bias), y));
      double[] want = new double[rows * c];
      double[] dx = new double[rows * c];
      double[] dweight = new double[c];
      double[] dbias = new double[c];
      for (int r = 0; r < rows; r++) {
        row(r * c, c, eps, x, weight, bias, dy, want, dx, dweight, dbias);
      }
      assertClose(want, get(y, dtype, rows * c), tolerance(dtype), "y");
      MemorySegment workspace = workspace(arena, rows, c);
      MemorySegment weightGradient = room(arena, HS_F32, c);
      MemorySegment biasGradient = room(arena, HS_F32, c);
      double size = 1 / Math.sqrt(spread * spread + eps); // of a gradient, where a row has several
      for (int accumulate = 0; accumulate <= 1; accumulate++) {
        MemorySegment gradient = put(arena, dtype, before);
        backward(
            arena,
            rows,
            c,
            dtype,
            eps,
            in,
            factors,
            upstream,
            gradient,
            weightGradient,
            biasGradient,
            accumulate,
            workspace);
        double[] expected = dx.clone();
        for (int k = 0; k < expected.length; k++) {
          expected[k] += accumulate * before[k];
        }
        // A row of one channel has the gradient 0, of which roundings of 1 / sqrt(eps) are left.
        double scale = c == 1 ? 1000 * size : size;
        double offset = c == 1 ? 1 : 0;
        double limit = tolerance(dtype) * (mean > 0 ? 5 : 2);
        assertClose(
            scaled(expected, scale, offset),
            scaled(get(gradient, dtype, rows * c), scale, offset),
            limit,
            "dx");
        assertClose(dweight, get(weightGradient, HS_F32, c), 1e-5, "dweight");
        assertClose(dbias, get(biasGradient, HS_F32, c), 1e-5, "dbias");
      }
      MemorySegment alone = room(arena, HS_F32, c);
      backward(
          arena,
          rows,
          c,
          dtype,
          eps,
          in,
          factors,
          upstream,
          NULL,
          alone,
          biasGradient,
          0,
          workspace);
      assertSameBits(weightGradient, alone, "dweight without dx");
    }
  }

  private static void backward(
      Arena arena,
      int rows,
      int c,
      int dtype,
      float eps,
      MemorySegment x,
      MemorySegment weight,
      MemorySegment dy,
      MemorySegment dx,
      MemorySegment dweight,
      MemorySegment dbias,
      int accumulate,
      MemorySegment workspace) {
    KernelCalls.run(
        Kernel.LAYER_NORM_BACKWARD,
        BACKWARD.allocate(
            arena, rows, c, dtype, eps, x, weight, dy, dx, dweight, dbias, accumulate, workspace));
  }

  private static double[] scaled(double[] values, double by, double offset) {
    double[] result = new double[values.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = values[i] / by + offset;
    }
    return result;
  }

  /** One row from `at` on: its output and gradients. */
  private static void row(
      int at,
      int c,
      double eps,
      double[] x,
      double[] weight,
      double[] bias,
      double[] dy,
      double[] y,
      double[] dx,
      double[] dweight,
      double[] dbias) {
    double mean = 0;
    for (int j = 0; j < c; j++) {
      mean += x[at + j] / c;
    }
    double variance = 0;
    for (int j = 0; j < c; j++) {
      variance += (x[at + j] - mean) * (x[at + j] - mean) / c;
    }
    double rstd = 1 / Math.sqrt(variance + eps);
    double plain = 0;
    double correlated = 0;
    for (int j = 0; j < c; j++) {
      double normalised = (x[at + j] - mean) * rstd;
      y[at + j] = normalised * weight[j] + bias[j];
      dweight[j] += dy[at + j] * normalised;
      dbias[j] += dy[at + j];
      plain += dy[at + j] * weight[j] / c;
      correlated += dy[at + j] * weight[j] * normalised / c;
    }
    for (int j = 0; j < c; j++) {
      double normalised = (x[at + j] - mean) * rstd;
      dx[at + j] = rstd * (dy[at + j] * weight[j] - plain - normalised * correlated);
    }
  }

  @Test
  void threadsChangeNoBit() {
    int rows = 1000;
    int c = 70;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = put(arena, HS_F32, normal(rows * c, 1));
      MemorySegment dy = put(arena, HS_F32, normal(rows * c, 2));
      MemorySegment weight = put(arena, HS_F32, normal(c, 3));
      MemorySegment workspace = workspace(arena, rows, c);
      MemorySegment[] dx = new MemorySegment[2];
      MemorySegment[] dweight = new MemorySegment[2];
      for (int run = 0; run < 2; run++) {
        MemorySegment gradient = dx[run] = room(arena, HS_F32, (long) rows * c);
        MemorySegment sums = dweight[run] = room(arena, HS_F32, c);
        MemorySegment dbias = room(arena, HS_F32, c);
        withThreads(
            run == 0 ? 1 : 3,
            () ->
                backward(
                    arena, rows, c, HS_F32, 1e-5f, x, weight, dy, gradient, sums, dbias, 0,
                    workspace));
      }
      assertSameBits(dx[0], dx[1], "dx");
      assertSameBits(dweight[0], dweight[1], "dweight");
    }
  }

  @Test
  void refusesWhatCannotBe() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate(256, 64);
      KernelException refused =
          assertThrows(
              KernelException.class,
              () ->
                  KernelCalls.run(
                      Kernel.LAYER_NORM_FORWARD,
                      FORWARD.allocate(arena, 1, 0, HS_F32, 1e-5f, x, x, x, x)));
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
      assertThrows(
          KernelException.class,
          () ->
              KernelCalls.run(
                  Kernel.LAYER_NORM_FORWARD,
                  FORWARD.allocate(arena, 1, 4, HS_F32, -1f, x, x, x, x)));
    }
  }
}
