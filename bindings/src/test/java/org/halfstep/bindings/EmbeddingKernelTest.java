package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.putInts;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EmbeddingKernelTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 33, 128})
  void sinusoidsHaveExactAngles(int dim) {
    double[] t = {0, 0.25, 1, 0.99999};
    int half = dim / 2;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, HS_F32, t);
      MemorySegment y = room(arena, HS_F32, 4L * dim);
      call(Kernel.SINUSOID, "t scale max_period y n dim").with(in, 1000.0, 10000.0, y, 4, dim);
      double[] want = new double[4 * dim];
      for (int i = 0; i < 4; i++) {
        for (int k = 0; k < half; k++) {
          double angle = 1000 * t[i] * Math.pow(10000, -(double) k / half);
          want[i * dim + k] = Math.cos(angle);
          want[i * dim + half + k] = Math.sin(angle);
        }
      }
      assertClose(want, get(y, HS_F32, want.length), 1e-7, "sinusoid");
    }
  }

  /** The embedding of a guidance strength: sines first, and the last period is the longest. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, 33, 256})
  void sinusoidsThatReachTheLastPeriod(int dim) {
    double[] t = {0, 0.006, 1};
    int half = dim / 2;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, HS_F32, t);
      MemorySegment y = room(arena, HS_F32, 3L * dim);
      call(Kernel.SINUSOID, "t scale max_period sines_first reach_period y n dim")
          .with(in, 1000.0, 10000.0, 1, 1, y, 3, dim);
      double[] want = new double[3 * dim];
      for (int i = 0; i < 3; i++) {
        for (int k = 0; k < half; k++) {
          double angle = 1000 * t[i] * Math.pow(10000, -(double) k / (half - 1));
          want[i * dim + k] = Math.sin(angle);
          want[i * dim + half + k] = Math.cos(angle);
        }
      }
      assertClose(want, get(y, HS_F32, want.length), 1e-7, "sinusoid");
      assertThrows(
          KernelException.class,
          () ->
              call(Kernel.SINUSOID, "t scale max_period sines_first reach_period y n dim")
                  .with(in, 1000.0, 10000.0, 1, 1, y, 3, 2));
    }
  }

  @Test
  void crossEntropySurvivesLargeLogits() {
    int n = 5;
    int classes = 33;
    double[] logits = normal(n * classes, 1, 0, 100);
    int[] ids = {0, 32, 7, 7, 15};
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, HS_F32, logits);
      MemorySegment named = putInts(arena, ids);
      MemorySegment losses = room(arena, HS_F32, n);
      MemorySegment gradient = room(arena, HS_F32, (long) n * classes);
      call(Kernel.SOFTMAX_CROSS_ENTROPY, "logits ids losses dlogits dloss n classes")
          .with(in, named, losses, gradient, 0.2f, n, classes);
      double[] want = new double[n];
      double[] wantGradient = new double[n * classes];
      for (int i = 0; i < n; i++) {
        double own = logits[i * classes + ids[i]];
        for (int j = 0; j < classes; j++) {
          want[i] += Math.exp(logits[i * classes + j] - own);
        }
        want[i] = Math.log(want[i]);
        for (int j = 0; j < classes; j++) {
          double p = Math.exp(logits[i * classes + j] - own - want[i]);
          wantGradient[i * classes + j] = 0.2f * (p - (j == ids[i] ? 1 : 0));
        }
      }
      assertClose(want, get(losses, HS_F32, n), 1e-6, "losses");
      assertClose(wantGradient, get(gradient, HS_F32, n * classes), 1e-6, "gradient");
      call(Kernel.SOFTMAX_CROSS_ENTROPY, "logits ids losses dlogits dloss n classes")
          .with(in, named, losses, NULL, 1f, n, classes);
      assertClose(want, get(losses, HS_F32, n), 1e-6, "losses without a gradient");
    }
  }
}
