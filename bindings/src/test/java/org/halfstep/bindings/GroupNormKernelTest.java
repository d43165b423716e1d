package org.halfstep.bindings;

import static java.lang.foreign.MemorySegment.NULL;
import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Kernel.Structs.GROUP_NORM;
import static org.halfstep.bindings.KernelCalls.giveWorkspace;
import static org.halfstep.bindings.KernelCalls.run;
import static org.halfstep.bindings.Kernels.HS_BF16;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GroupNormKernelTest {
  private static final double EPS = 1e-5;

  private record Shape(int n, int hw, int c0, int c1, int groups, boolean modulated, boolean silu) {
    int c() {
      return c0 + c1;
    }

    int count() {
      return n * hw * c();
    }
  }

  /** Inputs in double, x and dy over all channels. */
  private record Inputs(
      Shape shape, double[] x, double[] weight, double[] bias, double[] modulation, double[] dy) {
    static Inputs of(Shape shape, double mean) {
      int c = shape.c();
      return new Inputs(
          shape,
          normal(shape.count(), 1, mean, 1),
          normal(c, 2, 1, 0.3),
          normal(c, 3, 0, 0.5),
          normal(shape.n * 2 * c, 4, 0, 0.4),
          normal(shape.count(), 5));
    }

    /** The function itself, as its definition reads. */
    double[] forward() {
      int c = shape.c();
      int width = c / shape.groups;
      double[] y = new double[shape.count()];
      for (int i = 0; i < shape.n; i++) {
        for (int g = 0; g < shape.groups; g++) {
          double mean = 0;
          double variance = 0;
          for (int p = 0; p < shape.hw; p++) {
            for (int j = g * width; j < (g + 1) * width; j++) {
              mean += x[(i * shape.hw + p) * c + j] / (shape.hw * width);
            }
          }
          for (int p = 0; p < shape.hw; p++) {
            for (int j = g * width; j < (g + 1) * width; j++) {
              double deviation = x[(i * shape.hw + p) * c + j] - mean;
              variance += deviation * deviation / (shape.hw * width);
            }
          }
          double rstd = 1 / Math.sqrt(variance + EPS);
          for (int p = 0; p < shape.hw; p++) {
            for (int j = g * width; j < (g + 1) * width; j++) {
              int at = (i * shape.hw + p) * c + j;
              double value = weight[j] * (x[at] - mean) * rstd + bias[j];
              if (shape.modulated) {
                value = (1 + modulation[i * 2 * c + j]) * value + modulation[i * 2 * c + c + j];
              }
              y[at] = shape.silu ? value / (1 + Math.exp(-value)) : value;
            }
          }
        }
      }
      return y;
    }

    double loss() {
      double[] y = forward();
      double loss = 0;
      for (int k = 0; k < y.length; k++) {
        loss += y[k] * dy[k];
      }
      return loss;
    }

    /** The gradient of the loss with respect to one of the inputs, by central differences. */
    double[] gradient(Function<Inputs, double[]> of) {
      double[] values = of.apply(this);
      double[] gradient = new double[values.length];
      double step = 1e-5;
      for (int k = 0; k < values.length; k++) {
        double value = values[k];
        values[k] = value + step;
        double above = loss();
        values[k] = value - step;
        double below = loss();
        values[k] = value;
        gradient[k] = (above - below) / (2 * step);
      }
      return gradient;
    }
  }

  /** Everything that the kernels read and write. */
  private static final class Buffers {
    final Shape shape;
    final int dtype;
    final MemorySegment struct;
    final MemorySegment y;
    final MemorySegment stats;
    final MemorySegment dx0;
    final MemorySegment dx1;
    final MemorySegment dweight;
    final MemorySegment dbias;
    final MemorySegment dmodulation;

    Buffers(Arena arena, Inputs inputs, int dtype) {
      this.shape = inputs.shape;
      this.dtype = dtype;
      int c = shape.c();
      int rows = shape.n * shape.hw;
      double[] x0 = columns(inputs.x, c, 0, shape.c0);
      double[] x1 = columns(inputs.x, c, shape.c0, c);
      MemorySegment first = Arrays64.put(arena, dtype, x0);
      MemorySegment second = Arrays64.put(arena, dtype, x1);
      for (int r = 0; r < rows; r++) { // what the storage type made of them
        System.arraycopy(x0, r * shape.c0, inputs.x, r * c, shape.c0);
        System.arraycopy(x1, r * shape.c1, inputs.x, r * c + shape.c0, shape.c1);
      }
      y = Arrays64.room(arena, dtype, shape.count());
      stats = Arrays64.room(arena, HS_F32, shape.n * shape.groups * 2L);
      dx0 = Arrays64.room(arena, dtype, rows * shape.c0);
      dx1 = Arrays64.room(arena, dtype, rows * shape.c1);
      dweight = Arrays64.room(arena, HS_F32, c);
      dbias = Arrays64.room(arena, HS_F32, c);
      dmodulation = Arrays64.room(arena, HS_F32, shape.n * 2 * c);
      struct =
          GROUP_NORM
              .select("n hw c0 c1 groups silu dtype eps")
              .allocate(
                  arena,
                  shape.n,
                  shape.hw,
                  shape.c0,
                  shape.c1,
                  shape.groups,
                  shape.silu,
                  dtype,
                  (float) EPS);
      giveWorkspace(arena, GROUP_NORM, struct);
      MemorySegment weight = Arrays64.put(arena, HS_F32, inputs.weight);
      MemorySegment bias = Arrays64.put(arena, HS_F32, inputs.bias);
      MemorySegment dy = Arrays64.put(arena, dtype, inputs.dy);
      GROUP_NORM.select("x0 x1 weight bias").set(struct, first, second, weight, bias);
      if (shape.modulated) {
        MemorySegment modulation = Arrays64.put(arena, HS_F32, inputs.modulation);
        GROUP_NORM
            .select("modulation modulation_stride dmodulation dmodulation_stride")
            .set(struct, modulation, 2L * c, dmodulation, 2L * c);
      }
      GROUP_NORM
          .select("y stats dy dx0 dx1 dweight dbias")
          .set(struct, y, stats, dy, dx0, dx1, dweight, dbias);
    }

    double[] dx() {
      int rows = shape.n * shape.hw;
      double[] left = Arrays64.get(dx0, dtype, rows * shape.c0);
      double[] right = Arrays64.get(dx1, dtype, rows * shape.c1);
      double[] dx = new double[shape.count()];
      for (int r = 0; r < rows; r++) {
        System.arraycopy(left, r * shape.c0, dx, r * shape.c(), shape.c0);
        System.arraycopy(right, r * shape.c1, dx, r * shape.c() + shape.c0, shape.c1);
      }
      return dx;
    }

    private static double[] columns(double[] x, int c, int from, int to) {
      int rows = x.length / c;
      double[] part = new double[rows * (to - from)];
      for (int r = 0; r < rows; r++) {
        System.arraycopy(x, r * c + from, part, r * (to - from), to - from);
      }
      return part;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 7, 12, 0, 4, false, false, 0",
    "2, 35, 33, 0, 11, false, true, 0",
    "3, 20, 5, 7, 3, true, true, 1", // groups of four straddle the seam at 5
    "2, 300, 64, 32, 32, true, false, 0", // several chunks of rows
    "1, 143, 67, 29, 32, false, true, 1",
    "2, 17, 131, 0, 131, true, true, 0",
  })
  void forwardIsTheDefinition(
      int n, int hw, int c0, int c1, int groups, boolean modulated, boolean silu, int dtype) {
    Inputs inputs = Inputs.of(new Shape(n, hw, c0, c1, groups, modulated, silu), 0.5);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, inputs, dtype);
      run(Kernel.GROUP_NORM_FORWARD, buffers.struct);
      assertClose(
          inputs.forward(),
          Arrays64.get(buffers.y, dtype, inputs.shape.count()),
          Arrays64.tolerance(dtype),
          "y");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2, 7, 12, 0, 4, false, false, 0",
    "1, 9, 5, 7, 3, true, true, 0",
    "3, 6, 9, 12, 7, true, false, 0",
    "2, 35, 6, 0, 2, false, true, 0",
    "2, 11, 7, 5, 4, true, true, 1",
  })
  void backwardIsTheGradient(
      int n, int hw, int c0, int c1, int groups, boolean modulated, boolean silu, int dtype) {
    Inputs inputs = Inputs.of(new Shape(n, hw, c0, c1, groups, modulated, silu), 0.5);
    int c = inputs.shape.c();
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, inputs, dtype);
      run(Kernel.GROUP_NORM_FORWARD, buffers.struct);
      run(Kernel.GROUP_NORM_BACKWARD, buffers.struct);
      double tolerance = 2 * Arrays64.tolerance(dtype);
      assertClose(inputs.gradient(Inputs::x), buffers.dx(), tolerance, "dx");
      double[] dweight = Arrays64.get(buffers.dweight, HS_F32, c);
      assertClose(inputs.gradient(Inputs::weight), dweight, 1e-5, "dweight");
      double[] dbias = Arrays64.get(buffers.dbias, HS_F32, c);
      assertClose(inputs.gradient(Inputs::bias), dbias, 1e-5, "dbias");
      if (modulated) {
        double[] dmodulation = Arrays64.get(buffers.dmodulation, HS_F32, n * 2 * c);
        assertClose(inputs.gradient(Inputs::modulation), dmodulation, 1e-5, "dmodulation");
      }
    }
  }

  @Test
  void accumulatesIntoEitherSource() {
    Inputs inputs = Inputs.of(new Shape(2, 45, 20, 12, 8, true, true), 0);
    try (Arena arena = Arena.ofConfined()) {
      for (int dtype : new int[] {HS_F32, HS_BF16}) {
        Buffers plain = new Buffers(arena, inputs, dtype);
        Buffers added = new Buffers(arena, inputs, dtype);
        double[] before0 = normal(2 * 45 * 20, 8);
        double[] before1 = normal(2 * 45 * 12, 9);
        added.dx0.copyFrom(Arrays64.put(arena, dtype, before0));
        added.dx1.copyFrom(Arrays64.put(arena, dtype, before1));
        GROUP_NORM.select("accumulate0").set(added.struct, 1);
        for (Buffers buffers : new Buffers[] {plain, added}) {
          run(Kernel.GROUP_NORM_FORWARD, buffers.struct);
          run(Kernel.GROUP_NORM_BACKWARD, buffers.struct);
        }
        double[] want = Arrays64.get(plain.dx0, dtype, before0.length);
        for (int k = 0; k < want.length; k++) {
          want[k] += before0[k];
        }
        double[] got = Arrays64.get(added.dx0, dtype, want.length);
        assertClose(want, got, 2 * Arrays64.tolerance(dtype), "dx0");
        assertSameBits(plain.dx1, added.dx1, "dx1");
      }
    }
  }

  @Test
  void aMeanFarFromZeroCostsNoPrecision() {
    Inputs inputs = Inputs.of(new Shape(1, 784, 32, 0, 8, false, false), 1000);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, inputs, HS_F32);
      run(Kernel.GROUP_NORM_FORWARD, buffers.struct);
      double[] got = Arrays64.get(buffers.y, HS_F32, inputs.shape.count());
      assertClose(inputs.forward(), got, 1e-4, "y"); // the mean itself has 2^-24 * 1000 of error
    }
  }

  @Test
  void threadsDoNotChangeABit() {
    for (int n : new int[] {1, 3}) {
      Inputs inputs = Inputs.of(new Shape(n, 600, 40, 24, 32, true, true), 0);
      try (Arena arena = Arena.ofConfined()) {
        Buffers alone = new Buffers(arena, inputs, HS_F32);
        Buffers shared = new Buffers(arena, inputs, HS_F32);
        for (int threads = 1; threads <= 2; threads++) {
          Buffers buffers = threads == 1 ? alone : shared;
          Arrays64.withThreads(
              threads,
              () -> {
                run(Kernel.GROUP_NORM_FORWARD, buffers.struct);
                run(Kernel.GROUP_NORM_BACKWARD, buffers.struct);
              });
        }
        assertSameBits(alone.y, shared.y, "y");
        assertSameBits(alone.stats, shared.stats, "stats");
        assertSameBits(alone.dx0, shared.dx0, "dx0");
        assertSameBits(alone.dx1, shared.dx1, "dx1");
        assertSameBits(alone.dweight, shared.dweight, "dweight");
        assertSameBits(alone.dmodulation, shared.dmodulation, "dmodulation");
      }
    }
  }

  @Test
  void refusesGroupsThatDoNotDivideTheChannels() {
    Inputs inputs = Inputs.of(new Shape(1, 4, 12, 0, 4, false, false), 0);
    try (Arena arena = Arena.ofConfined()) {
      Buffers buffers = new Buffers(arena, inputs, HS_F32);
      GROUP_NORM.select("groups").set(buffers.struct, 5);
      KernelException refused =
          assertThrows(KernelException.class, () -> run(Kernel.GROUP_NORM_FORWARD, buffers.struct));
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
      GROUP_NORM.select("groups workspace").set(buffers.struct, 4, NULL);
      assertThrows(KernelException.class, () -> run(Kernel.GROUP_NORM_BACKWARD, buffers.struct));
    }
  }
}
