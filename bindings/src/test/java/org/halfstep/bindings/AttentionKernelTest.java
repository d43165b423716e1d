package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.KernelCalls.giveWorkspace;
import static org.halfstep.bindings.KernelCalls.run;
import static org.halfstep.bindings.KernelStructs.ATTENTION;
import static org.halfstep.bindings.Kernels.HS_ATTENTION_LEGACY;
import static org.halfstep.bindings.Kernels.HS_ATTENTION_NEW;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionKernelTest {
  private record Shape(int n, int t, int heads, int d, int order) {
    int channel(int head, int which, int j) {
      return order == HS_ATTENTION_LEGACY
          ? (head * 3 + which) * d + j
          : (which * heads + head) * d + j;
    }

    int count() {
      return n * t * heads * d;
    }
  }

  /** softmax(q k^T / sqrt(d)) v as its definition reads; lse may be null. */
  private static double[] forward(Shape s, double[] qkv, double[] lse) {
    double[] y = new double[s.count()];
    int row = 3 * s.heads * s.d;
    for (int i = 0; i < s.n; i++) {
      for (int h = 0; h < s.heads; h++) {
        for (int a = 0; a < s.t; a++) {
          double[] scores = new double[s.t];
          double largest = Double.NEGATIVE_INFINITY;
          for (int b = 0; b < s.t; b++) {
            for (int j = 0; j < s.d; j++) {
              scores[b] +=
                  qkv[(i * s.t + a) * row + s.channel(h, 0, j)]
                      * qkv[(i * s.t + b) * row + s.channel(h, 1, j)]
                      / Math.sqrt(s.d);
            }
            largest = Math.max(largest, scores[b]);
          }
          double sum = 0;
          for (int b = 0; b < s.t; b++) {
            sum += Math.exp(scores[b] - largest);
          }
          if (lse != null) {
            lse[(i * s.heads + h) * s.t + a] = largest + Math.log(sum);
          }
          for (int b = 0; b < s.t; b++) {
            double p = Math.exp(scores[b] - largest) / sum;
            for (int j = 0; j < s.d; j++) {
              y[(i * s.t + a) * s.heads * s.d + h * s.d + j] +=
                  p * qkv[(i * s.t + b) * row + s.channel(h, 2, j)];
            }
          }
        }
      }
    }
    return y;
  }

  /** The gradient of sum(dy y) with respect to qkv by the chain rule. */
  private static double[] gradient(Shape s, double[] qkv, double[] dy) {
    double[] gradient = new double[qkv.length];
    double[] lse = new double[s.n * s.heads * s.t];
    double[] y = forward(s, qkv, lse);
    int row = 3 * s.heads * s.d;
    for (int i = 0; i < s.n; i++) {
      for (int h = 0; h < s.heads; h++) {
        for (int a = 0; a < s.t; a++) {
          int query = (i * s.t + a) * row + s.channel(h, 0, 0);
          int out = (i * s.t + a) * s.heads * s.d + h * s.d;
          double mean = 0;
          for (int j = 0; j < s.d; j++) {
            mean += dy[out + j] * y[out + j];
          }
          for (int b = 0; b < s.t; b++) {
            int key = (i * s.t + b) * row + s.channel(h, 1, 0);
            int value = (i * s.t + b) * row + s.channel(h, 2, 0);
            double score = 0;
            double dp = 0;
            for (int j = 0; j < s.d; j++) {
              score += qkv[query + j] * qkv[key + j] / Math.sqrt(s.d);
              dp += dy[out + j] * qkv[value + j];
            }
            double p = Math.exp(score - lse[(i * s.heads + h) * s.t + a]);
            double ds = p * (dp - mean) / Math.sqrt(s.d);
            for (int j = 0; j < s.d; j++) {
              gradient[query + j] += ds * qkv[key + j];
              gradient[key + j] += ds * qkv[query + j];
              gradient[value + j] += p * dy[out + j];
            }
          }
        }
      }
    }
    return gradient;
  }

  private static double[] finiteDifferences(Shape s, double[] qkv, double[] dy) {
    double[] gradient = new double[qkv.length];
    double step = 1e-5;
    for (int k = 0; k < qkv.length; k++) {
      double value = qkv[k];
      qkv[k] = value + step;
      double[] above = forward(s, qkv, null);
      qkv[k] = value - step;
      double[] below = forward(s, qkv, null);
      qkv[k] = value;
      for (int m = 0; m < dy.length; m++) {
        gradient[k] += dy[m] * (above[m] - below[m]) / (2 * step);
      }
    }
    return gradient;
  }

  private static final class Buffers {
    final MemorySegment struct;
    final MemorySegment y;
    final MemorySegment logsumexp;
    final MemorySegment dqkv;

    Buffers(Arena arena, Shape s, int dtype, double[] qkv, double[] dy) {
      y = Arrays64.room(arena, dtype, s.count());
      logsumexp = Arrays64.room(arena, HS_F32, (long) s.n * s.heads * s.t);
      dqkv = Arrays64.room(arena, dtype, 3 * s.count());
      struct =
          ATTENTION
              .select("n t heads d order dtype qkv y logsumexp dy dqkv")
              .allocate(
                  arena,
                  s.n,
                  s.t,
                  s.heads,
                  s.d,
                  s.order,
                  dtype,
                  Arrays64.put(arena, dtype, qkv),
                  y,
                  logsumexp,
                  Arrays64.put(arena, dtype, dy),
                  dqkv);
      giveWorkspace(arena, ATTENTION, struct);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2, 1, 1, 1, 0, 0",
    "2, 49, 3, 20, 0, 0",
    "1, 196, 2, 33, 1, 0", // several blocks of keys, a last one of four
    "1, 131, 1, 72, 1, 0",
    "1, 37, 1, 300, 0, 0",
    "2, 65, 2, 16, 1, 1",
    "1, 70, 1, 130, 0, 1",
  })
  void forwardIsTheDefinition(int n, int t, int heads, int d, int order, int dtype) {
    Shape shape = new Shape(n, t, heads, d, order);
    double[] qkv = normal(3 * shape.count(), 1, 0, 2);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, shape, dtype, qkv, normal(shape.count(), 2));
      run(Kernel.ATTENTION_FORWARD, buffers.struct);
      double[] lse = new double[n * heads * t];
      double[] want = forward(shape, qkv, lse);
      double tolerance = dtype == HS_F32 ? 2e-5 : 4.5e-3;
      assertClose(want, Arrays64.get(buffers.y, dtype, shape.count()), tolerance, "y");
      assertClose(lse, Arrays64.get(buffers.logsumexp, HS_F32, lse.length), 1e-5, "logsumexp");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2, 7, 2, 5, 0, 0",
    "1, 19, 1, 9, 1, 0",
    "1, 70, 1, 2, 1, 0",
    "1, 13, 2, 3, 0, 1",
    "1, 34, 1, 66, 0, 0", // wider than a vector tile: two blocks of 32
    "2, 64, 2, 32, 0, 0",
    "3, 131, 2, 37, 1, 0", // tiles of 3 keys and 3 queries, tails of 1 and 5 channels
    "1, 67, 1, 130, 0, 0",
    "1, 21, 2, 300, 1, 0",
    "2, 65, 2, 17, 0, 1",
    "1, 40, 1, 96, 1, 1"
  })
  void backwardIsTheGradient(int n, int t, int heads, int d, int order, int dtype) {
    Shape shape = new Shape(n, t, heads, d, order);
    double[] qkv = normal(3 * shape.count(), 1);
    double[] dy = normal(shape.count(), 2);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, shape, dtype, qkv, dy);
      run(Kernel.ATTENTION_FORWARD, buffers.struct);
      run(Kernel.ATTENTION_BACKWARD, buffers.struct);
      double tolerance = dtype == HS_F32 ? 1e-5 : 2e-2; // y is rounded before it is read again
      double[] got = Arrays64.get(buffers.dqkv, dtype, 3 * shape.count());
      assertClose(gradient(shape, qkv, dy), got, tolerance, "dqkv");
    }
  }

  @Test
  void theChainRuleAgreesWithFiniteDifferences() {
    Shape shape = new Shape(2, 9, 2, 3, HS_ATTENTION_NEW);
    double[] qkv = normal(3 * shape.count(), 1);
    double[] dy = normal(shape.count(), 2);
    assertClose(finiteDifferences(shape, qkv, dy), gradient(shape, qkv, dy), 1e-8, "dqkv");
  }

  @Test
  void extremeScoresStayFinite() {
    Shape shape = new Shape(1, 80, 1, 4, HS_ATTENTION_NEW);
    double[] qkv = normal(3 * shape.count(), 3, 0, 60); // scores of thousands
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, shape, HS_F32, qkv, normal(shape.count(), 2));
      run(Kernel.ATTENTION_FORWARD, buffers.struct);
      double[] got = Arrays64.get(buffers.y, HS_F32, shape.count());
      assertClose(forward(shape, qkv, null), got, 2e-3, "y");
    }
  }

  @Test
  void threadsDoNotChangeABit() {
    for (int heads : new int[] {1, 4}) { // one head is shared by blocks, four by heads
      Shape shape = new Shape(1, 150, heads, 24, HS_ATTENTION_LEGACY);
      double[] qkv = normal(3 * shape.count(), 1);
      double[] dy = normal(shape.count(), 2);
      try (Arena arena = Arena.ofConfined()) {
        Buffers alone = new Buffers(arena, shape, HS_F32, qkv, dy);
        Buffers shared = new Buffers(arena, shape, HS_F32, qkv, dy);
        for (int threads = 1; threads <= 2; threads++) {
          Buffers buffers = threads == 1 ? alone : shared;
          Arrays64.withThreads(
              threads,
              () -> {
                run(Kernel.ATTENTION_FORWARD, buffers.struct);
                run(Kernel.ATTENTION_BACKWARD, buffers.struct);
              });
        }
        assertSameBits(alone.y, shared.y, "y");
        assertSameBits(alone.logsumexp, shared.logsumexp, "logsumexp");
        assertSameBits(alone.dqkv, shared.dqkv, "dqkv");
      }
    }
  }

  @Test
  void refusesHeadsThatAreTooWideAndOrdersThatDoNotExist() {
    Shape shape = new Shape(1, 1, 1, 8, HS_ATTENTION_NEW);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, shape, HS_F32, normal(24, 1), normal(8, 2));
      ATTENTION.select("order").set(buffers.struct, 2);
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refusal(buffers).status());
      ATTENTION.select("order d").set(buffers.struct, HS_ATTENTION_NEW, 2000);
      assertEquals(Kernels.HS_UNSUPPORTED, refusal(buffers).status());
    }
  }

  private static KernelException refusal(Buffers buffers) {
    return assertThrows(KernelException.class, () -> run(Kernel.ATTENTION_FORWARD, buffers.struct));
  }
}
