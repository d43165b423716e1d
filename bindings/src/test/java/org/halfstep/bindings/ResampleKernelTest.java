package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Arrays64.tolerance;
import static org.halfstep.bindings.KernelCalls.call;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResampleKernelTest {
  /** Index of a pixel's channel in an NHWC image. */
  private static int at(int i, int y, int x, int k, int h, int w, int c) {
    return ((i * h + y) * w + x) * c + k;
  }

  @ParameterizedTest
  @CsvSource({"2, 7, 5, 33, 0, 0", "1, 1, 1, 5, 0, 1", "3, 8, 6, 70, 0, 1", "2, 7, 5, 33, 1, 1"})
  void upsamplesAndDownsamplesWithGradients(int n, int h, int w, int c, int dtype, int accumulate) {
    int count = n * h * w * c;
    double[] x = normal(count, 1);
    double[] dbig = normal(4 * count, 2);
    double[] before = normal(count, 3);
    int sh = h / 2;
    int sw = w / 2;
    double[] dsmall = normal(n * sh * sw * c, 4);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = put(arena, dtype, x);
      MemorySegment big = room(arena, dtype, 4L * count);
      MemorySegment small = room(arena, dtype, (long) n * sh * sw * c);
      MemorySegment upGradient = put(arena, dtype, before);
      MemorySegment downGradient = put(arena, dtype, before);
      MemorySegment dbigIn = put(arena, dtype, dbig);
      MemorySegment dsmallIn = put(arena, dtype, dsmall);
      call(Kernel.UPSAMPLE2_FORWARD, "x y n h w c dtype").with(in, big, n, h, w, c, dtype);
      call(Kernel.UPSAMPLE2_BACKWARD, "dy dx accumulate n h w c dtype")
          .with(dbigIn, upGradient, accumulate, n, h, w, c, dtype);
      call(Kernel.DOWNSAMPLE2_FORWARD, "x y n h w c dtype").with(in, small, n, h, w, c, dtype);
      call(Kernel.DOWNSAMPLE2_BACKWARD, "dy dx accumulate n h w c dtype")
          .with(dsmallIn, downGradient, accumulate, n, h, w, c, dtype);

      double[] wantBig = new double[4 * count];
      double[] wantUp = new double[count];
      double[] wantSmall = new double[n * sh * sw * c];
      double[] wantDown = new double[count];
      for (int i = 0; i < n; i++) {
        for (int y = 0; y < 2 * h; y++) {
          for (int z = 0; z < 2 * w; z++) {
            for (int k = 0; k < c; k++) {
              int from = at(i, y / 2, z / 2, k, h, w, c);
              int to = at(i, y, z, k, 2 * h, 2 * w, c);
              wantBig[to] = x[from];
              wantUp[from] += dbig[to];
            }
          }
        }
        for (int y = 0; y < 2 * sh; y++) {
          for (int z = 0; z < 2 * sw; z++) {
            for (int k = 0; k < c; k++) {
              int from = at(i, y, z, k, h, w, c);
              int to = at(i, y / 2, z / 2, k, sh, sw, c);
              wantSmall[to] += x[from] / 4;
              wantDown[from] = dsmall[to] / 4;
            }
          }
        }
      }
      for (int k = 0; k < count; k++) {
        wantUp[k] += accumulate * before[k];
        wantDown[k] += accumulate * before[k];
      }
      assertClose(wantBig, get(big, dtype, 4 * count), 0, "upsampled");
      assertClose(wantUp, get(upGradient, dtype, count), tolerance(dtype), "dx of upsampling");
      double[] gotSmall = get(small, dtype, wantSmall.length);
      assertClose(wantSmall, gotSmall, tolerance(dtype), "downsampled");
      assertClose(wantDown, get(downGradient, dtype, count), tolerance(dtype), "dx of the mean");
    }
  }
}
