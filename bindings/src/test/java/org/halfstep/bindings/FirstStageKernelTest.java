package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Latents drawn from a Gaussian, and distances of pictures, against plain sums in double. */
class FirstStageKernelTest {
  private static final double LEAST = -30;
  private static final double MOST = 20;
  private static final double STEP = 1e-3;

  /** Moments of some pixels: every fifth logarithm of a variance is beyond what it may be. */
  private static double[] moments(int pixels, int c) {
    double[] moments = normal(pixels * 2 * c, 1);
    for (int pixel = 0; pixel < pixels; pixel++) {
      for (int k = 0; k < c; k++) {
        int at = (2 * pixel + 1) * c + k;
        if ((pixel * c + k) % 5 == 2) {
          moments[at] = pixel % 2 == 0 ? -31 : 21;
        }
      }
    }
    return moments;
  }

  private static double deviation(double logVariance) {
    return Math.exp(0.5 * Math.clamp(logVariance, LEAST, MOST));
  }

  private static double divergence(double mean, double logVariance) {
    double used = Math.clamp(logVariance, LEAST, MOST);
    return 0.5 * (mean * mean + Math.exp(used) - 1 - used);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 35, 4", "2, 256, 4", "5, 9, 3"})
  void drawsLatentsAndMeasuresTheirDivergence(int n, int hw, int c) {
    int count = n * hw * c;
    double[] moments = moments(n * hw, c);
    double[] noise = normal(count, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment z = room(arena, HS_F32, count);
      MemorySegment divergence = room(arena, HS_F32, n);
      call(Kernel.POSTERIOR_FORWARD, "n hw c moments noise z divergence")
          .with(n, hw, c, put(arena, HS_F32, moments), put(arena, HS_F32, noise), z, divergence);
      double[] wantZ = new double[count];
      double[] wantDivergence = new double[n];
      for (int i = 0; i < count; i++) {
        int mean = i / c * 2 * c + i % c;
        wantZ[i] = moments[mean] + deviation(moments[mean + c]) * noise[i];
        wantDivergence[i / (hw * c)] += divergence(moments[mean], moments[mean + c]);
      }
      assertClose(wantZ, get(z, HS_F32, count), 1e-6, "z");
      assertClose(wantDivergence, get(divergence, HS_F32, n), 1e-6, "divergence");
    }
  }

  /** The gradient of {@code <dz, z> + weight * divergence} by differences in double. */
  @ParameterizedTest
  @CsvSource({"2, 7, 4, 0", "2, 7, 4, 1", "1, 1, 1, 0"})
  void theGradientOfMomentsIsThatOfDifferences(int n, int hw, int c, int accumulate) {
    int count = n * hw * c;
    float weight = 0.3f;
    double[] moments = moments(n * hw, c);
    double[] noise = normal(count, 2);
    double[] dz = normal(count, 3);
    double[] before = normal(2 * count, 4);
    double[] want = new double[2 * count];
    for (int i = 0; i < count; i++) {
      int mean = i / c * 2 * c + i % c;
      double m = moments[mean];
      double l = moments[mean + c];
      int number = i;
      ToDoubleFunction<double[]> loss =
          at ->
              dz[number] * (at[0] + deviation(at[1]) * noise[number])
                  + weight * divergence(at[0], at[1]);
      want[mean] = slope(loss, m, l, 0) + accumulate * before[mean];
      want[mean + c] = slope(loss, m, l, 1) + accumulate * before[mean + c];
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dmoments = put(arena, HS_F32, before);
      call(Kernel.POSTERIOR_BACKWARD, "n hw c accumulate weight moments noise dz dmoments")
          .with(
              n,
              hw,
              c,
              accumulate,
              weight,
              put(arena, HS_F32, moments),
              put(arena, HS_F32, noise),
              put(arena, HS_F32, dz),
              dmoments);
      assertClose(want, get(dmoments, HS_F32, 2 * count), 1e-5, "dmoments");
    }
  }

  private static double slope(ToDoubleFunction<double[]> of, double m, double l, int which) {
    double[] above = {m, l};
    double[] below = {m, l};
    above[which] += STEP;
    below[which] -= STEP;
    return (of.applyAsDouble(above) - of.applyAsDouble(below)) / (2 * STEP);
  }

  /** The loss of one picture as the header has it. */
  private static double loss(double[] error, int h, int w, int c, int scales, double edges) {
    double sum = Arrays.stream(error).map(Math::abs).sum();
    for (int scale = 0; scale < scales; scale++) {
      int d = 1 << scale;
      for (int i = 0; i < error.length; i++) {
        int row = i / (w * c);
        int column = i / c % w;
        if (row + d < h) {
          sum += edges * Math.abs(error[i + d * w * c] - error[i]);
        }
        if (column + d < w) {
          sum += edges * Math.abs(error[i + d * c] - error[i]);
        }
      }
    }
    return sum / error.length;
  }

  @ParameterizedTest
  @CsvSource({
    // n, h, w, c, scales, edges
    "1, 1, 1, 1, 3, 0.5",
    "2, 9, 7, 3, 0, 0.5",
    "3, 9, 7, 3, 3, 0.25",
    "1, 33, 12, 3, 4, 1.5",
    "2, 5, 70, 1, 2, 1",
  })
  void picturesAreComparedByNumbersAndEdges(int n, int h, int w, int c, int scales, double edges) {
    int size = h * w * c;
    float factor = 1.7f;
    double[] x = normal(n * size, 1);
    double[] y = normal(n * size, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dx = room(arena, HS_F32, (long) n * size);
      MemorySegment losses = arena.allocate(8L * n, 8);
      call(Kernel.PICTURE_LOSS, "n h w c scales edges factor x y dx losses")
          .with(
              n,
              h,
              w,
              c,
              scales,
              (float) edges,
              factor,
              put(arena, HS_F32, x),
              put(arena, HS_F32, y),
              dx,
              losses);
      double[] got = get(dx, HS_F32, n * size);
      for (int i = 0; i < n; i++) {
        double[] error = new double[size];
        for (int j = 0; j < size; j++) {
          error[j] = x[i * size + j] - y[i * size + j];
        }
        double want = loss(error, h, w, c, scales, edges);
        assertEquals(want, losses.getAtIndex(ValueLayout.JAVA_DOUBLE, i), 2e-7 * want, "loss " + i);
        for (int j = 0; j < size; j++) {
          double slope = slope(error, j, h, w, c, scales, edges);
          assertEquals(factor * slope, got[i * size + j], 2e-5 / size, "dx " + j);
        }
      }
    }
  }

  /** A piece of a line, unless a difference changes its sign within the step. */
  private static double slope(
      double[] error, int at, int h, int w, int c, int scales, double edges) {
    double step = 1e-6;
    double before = error[at];
    error[at] = before + step;
    double above = loss(error, h, w, c, scales, edges);
    error[at] = before - step;
    double below = loss(error, h, w, c, scales, edges);
    error[at] = before;
    return (above - below) / (2 * step);
  }

  @Test
  void equalPicturesHaveNoLossAndNoGradient() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = put(arena, HS_F32, normal(2 * 40 * 3, 1));
      MemorySegment dx = room(arena, HS_F32, 240);
      MemorySegment losses = arena.allocate(8, 8);
      call(Kernel.PICTURE_LOSS, "n h w c scales edges factor x y dx losses")
          .with(1, 2, 40, 3, 3, 1f, 1f, x, x, dx, losses);
      assertEquals(0, losses.get(ValueLayout.JAVA_DOUBLE, 0));
      assertTrue(Arrays.stream(get(dx, HS_F32, 240)).allMatch(slope -> slope == 0));
    }
  }

  @Test
  void whatIsNotFiniteShows() {
    double[] values = normal(64 * 64 * 3, 1);
    values[777] = Double.NaN;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = put(arena, HS_F32, values);
      MemorySegment y = put(arena, HS_F32, normal(values.length, 2));
      MemorySegment dx = room(arena, HS_F32, values.length);
      MemorySegment losses = arena.allocate(8, 8);
      call(Kernel.PICTURE_LOSS, "n h w c scales edges factor x y dx losses")
          .with(1, 64, 64, 3, 3, 1f, 1f, x, y, dx, losses);
      assertTrue(Double.isNaN(losses.get(ValueLayout.JAVA_DOUBLE, 0)));
      assertTrue(Double.isNaN(get(dx, HS_F32, values.length)[777]));
      MemorySegment dmoments = room(arena, HS_F32, 8);
      double[] moments = {0, 0, 0, 0, 0, 0, Double.NaN, 0};
      call(Kernel.POSTERIOR_BACKWARD, "n hw c weight moments noise dz dmoments")
          .with(1, 1, 4, 1f, put(arena, HS_F32, moments), y, y, dmoments);
      assertTrue(Double.isNaN(get(dmoments, HS_F32, 8)[6]));
    }
  }

  @Test
  void threadsDoNotChangeABit() {
    int values = 3 * 64 * 64 * 3;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = put(arena, HS_F32, normal(values, 1));
      MemorySegment y = put(arena, HS_F32, normal(values, 2));
      for (int n = 1; n <= 3; n += 2) {
        MemorySegment[] results = {
          arena.allocate(4L * values + 64, 64), arena.allocate(4L * values + 64, 64)
        };
        for (int threads = 1; threads <= 2; threads++) {
          MemorySegment to = results[threads - 1];
          int pictures = n;
          Arrays64.withThreads(
              threads,
              () ->
                  call(Kernel.PICTURE_LOSS, "n h w c scales edges factor x y dx losses")
                      .with(pictures, 64, 64, 3, 3, 1f, 1f, x, y, to.asSlice(64), to));
        }
        assertSameBits(results[0], results[1], "pictures");
      }
    }
  }
}
