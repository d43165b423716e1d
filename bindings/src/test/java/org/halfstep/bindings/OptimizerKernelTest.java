package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Kernels.HS_BF16;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertThrows;

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
      MemorySegment struct = hs_adam.allocate(arena);
      hs_adam.count(struct, COUNT);
      hs_adam.lr(struct, lr);
      hs_adam.beta1(struct, 0.9);
      hs_adam.beta2(struct, 0.999);
      hs_adam.eps(struct, 1e-8);
      hs_adam.weight_decay(struct, decay);
      hs_adam.ema_decay(struct, 0.75);
      hs_adam.gradient_scale(struct, 0.5f);
      hs_adam.decoupled(struct, decoupled);
      hs_adam.p(struct, parameters);
      hs_adam.m(struct, put(arena, HS_F32, m));
      hs_adam.v(struct, put(arena, HS_F32, v));
      hs_adam.ema(struct, average);
      for (int step = 1; step <= 5; step++) {
        double[] g = normal(COUNT, 10 + step);
        hs_adam.g(struct, put(arena, HS_F32, g));
        hs_adam.step(struct, step);
        Kernels.cpu().hs_adam_step(NULL, struct);
        for (int k = 0; k < COUNT; k++) {
          double gradient = 0.5 * g[k] + (decoupled == 0 ? decay * p[k] : 0);
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
      hs_adam.ema(struct, NULL);
      Kernels.cpu().hs_adam_step(NULL, struct);
      hs_adam.step(struct, 0);
      assertThrows(KernelException.class, () -> Kernels.cpu().hs_adam_step(NULL, struct));
    }
  }

  /** What changes from step to step in memory: the same bits as by value, clipped alike. */
  @Test
  void aStepReadsItsValuesWhenItRuns() {
    double[] p = normal(COUNT, 1);
    double[] g = normal(COUNT, 2);
    double squares = 0;
    for (double gradient : g) {
      squares += gradient * gradient;
    }
    double norm = Math.sqrt(squares);
    try (Arena arena = Arena.ofConfined()) {
      for (double clip : new double[] {0, norm / 3, norm * 3}) {
        MemorySegment want = put(arena, HS_F32, p);
        MemorySegment got = put(arena, HS_F32, p);
        MemorySegment rounded = room(arena, HS_BF16, COUNT);
        MemorySegment direct = adam(arena, want, put(arena, HS_F32, g));
        hs_adam.step(direct, 7);
        hs_adam.lr(direct, 3e-3);
        hs_adam.ema_decay(direct, 0.9);
        hs_adam.gradient_scale(direct, clip == norm / 3 ? (float) (clip / norm) : 1);
        Kernels.cpu().hs_adam_step(NULL, direct);
        MemorySegment recorded = adam(arena, got, put(arena, HS_F32, g));
        hs_adam.p_bf16(recorded, rounded);
        MemorySegment values = arena.allocate(hs_adam_values.LAYOUT);
        hs_adam_values.step(values, 7);
        hs_adam_values.lr(values, 3e-3);
        hs_adam_values.ema_decay(values, 0.9);
        hs_adam_values.clip_norm(values, clip);
        MemorySegment sum = arena.allocateFrom(JAVA_DOUBLE, squares);
        Kernels.cpu().hs_adam_step_from(NULL, recorded, values, sum);
        assertSameBits(want, got, "parameters");
        double[] halves = get(got, HS_F32, COUNT);
        for (int k = 0; k < COUNT; k++) {
          halves[k] = Arrays64.roundToBf16((float) halves[k]);
        }
        assertClose(halves, get(rounded, HS_BF16, COUNT), 0, "parameters as bf16");
        for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
          sum.set(JAVA_DOUBLE, 0, bad);
          Kernels.cpu().hs_adam_step_from(NULL, recorded, values, sum);
          assertSameBits(want, got, "parameters, where the gradients are not finite");
        }
      }
    }
  }

  private static MemorySegment adam(Arena arena, MemorySegment p, MemorySegment g) {
    MemorySegment struct = hs_adam.allocate(arena);
    hs_adam.count(struct, COUNT);
    hs_adam.beta1(struct, 0.9);
    hs_adam.beta2(struct, 0.999);
    hs_adam.eps(struct, 1e-8);
    hs_adam.p(struct, p);
    hs_adam.g(struct, g);
    hs_adam.m(struct, put(arena, HS_F32, normal(COUNT, 3)));
    hs_adam.v(struct, put(arena, HS_F32, Arrays.stream(normal(COUNT, 4)).map(Math::abs).toArray()));
    hs_adam.ema(struct, put(arena, HS_F32, normal(COUNT, 5)));
    return struct;
  }

  @Test
  void averagesKeepSmallDifferences() {
    double[] ema = normal(COUNT, 1);
    double[] p = normal(COUNT, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment average = put(arena, HS_F32, ema);
      Kernels.cpu().hs_ema_update(NULL, average, put(arena, HS_F32, p), 0.9999, COUNT);
      for (int k = 0; k < COUNT; k++) {
        ema[k] = 0.9999 * ema[k] + 0.0001 * p[k];
      }
      assertClose(ema, get(average, HS_F32, COUNT), 1e-7, "average");
    }
  }
}
