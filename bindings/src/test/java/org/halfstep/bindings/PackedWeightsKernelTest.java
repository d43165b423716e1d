package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertSameBits;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Arrays64.roundToBf16;
import static org.halfstep.bindings.Arrays64.withThreads;
import static org.halfstep.bindings.Kernel.Structs.POINTWISE;
import static org.halfstep.bindings.Kernel.Structs.WINOGRAD;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.KernelCalls.run;
import static org.halfstep.bindings.KernelCalls.workspaceBytes;
import static org.halfstep.bindings.Kernels.HS_BF16;
import static org.halfstep.bindings.Kernels.HS_F16;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.halfstep.bindings.Kernels.HS_U8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Weights packed in 16 bits, or as taps, or not packed at all, make the bits of the same numbers
 * packed otherwise.
 */
class PackedWeightsKernelTest {
  private static final int[] NARROW = {HS_BF16, HS_F16};

  @BeforeAll
  static void onlyTheCpusLibraryHasThem() {
    assumeFalse(Arrays64.ON_CUDA);
  }

  private static double[] rounded(double[] values, int dtype) {
    double[] rounded = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      float value = (float) values[i];
      rounded[i] =
          dtype == HS_F16 ? Float.float16ToFloat(Float.floatToFloat16(value)) : roundToBf16(value);
    }
    return rounded;
  }

  // ---- 1x1

  private static MemorySegment packed(
      Arena arena, double[] weight, int in, int out, int stride, int dtype) {
    MemorySegment packed = room(arena, dtype, (long) in * ((out + 31) / 32 * 32));
    call(Kernel.POINTWISE_PACK, "weight stride in out dtype packed")
        .with(put(arena, HS_F32, weight.clone()), stride, in, out, dtype, packed);
    return packed;
  }

  private static MemorySegment pointwise(
      Arena arena, double[] x, int pixels, double[] weight, int in, int out, int dtype) {
    MemorySegment packed = packed(arena, weight, in, out, in, dtype);
    return pointwise(arena, x, pixels, packed, 0, in, out, dtype);
  }

  /**
   * @param stride 0 where the weight is packed
   */
  private static MemorySegment pointwise(
      Arena arena,
      double[] x,
      int pixels,
      MemorySegment weight,
      int stride,
      int in,
      int out,
      int dtype) {
    MemorySegment args =
        POINTWISE
            .select("n hw in0 out dtype x0 packed stride")
            .allocate(arena, 1, pixels, in, out, dtype, put(arena, HS_F32, x), weight, stride);
    MemorySegment y = room(arena, HS_F32, (long) pixels * out);
    POINTWISE.select("y").set(args, y);
    long bytes = workspaceBytes(POINTWISE, args, false);
    POINTWISE.select("workspace").set(args, room(arena, HS_F32, bytes / 4));
    run(Kernel.POINTWISE_FORWARD, args);
    return y;
  }

  /** A matrix as a file has it, among other columns, of which one lies before it. */
  private static MemorySegment stored(
      Arena arena, double[] values, int rows, int columns, int stride, int dtype) {
    MemorySegment all = room(arena, dtype, 1 + (long) rows * stride);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        float value = (float) values[row * columns + column];
        long at = 1 + (long) row * stride + column;
        if (dtype == HS_F32) {
          all.setAtIndex(ValueLayout.JAVA_FLOAT, at, value);
        } else if (dtype == HS_F16) {
          all.setAtIndex(ValueLayout.JAVA_SHORT, at, Float.floatToFloat16(value));
        } else {
          int bits = Float.floatToRawIntBits(value) >>> 16;
          all.setAtIndex(ValueLayout.JAVA_SHORT, at, (short) bits);
        }
      }
    }
    return all.asSlice(dtype == HS_F32 ? Float.BYTES : Short.BYTES);
  }

  @ParameterizedTest
  @CsvSource({
    // pixels, in, out, columns
    "1, 1, 1, 1",
    "1, 320, 1280, 320",
    "50, 17, 45, 20",
    "331, 64, 96, 64",
    "200, 1024, 40, 1030",
  })
  void productsOfStoredWeightsHaveTheSameBits(int pixels, int in, int out, int columns) {
    double[] x = normal(pixels * in, 1);
    for (int dtype : new int[] {HS_F32, HS_BF16, HS_F16}) {
      double[] weight = normal(out * in, 2);
      double[] numbers = dtype == HS_F32 ? weight : rounded(weight, dtype);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment want = pointwise(arena, x, pixels, numbers, in, out, HS_F32);
        MemorySegment file = stored(arena, numbers, out, in, columns, dtype);
        for (int threads = 1; threads <= 3; threads++) {
          withThreads(
              threads,
              () ->
                  assertSameBits(
                      want,
                      pointwise(arena, x, pixels, file, columns, in, out, dtype),
                      "y " + dtype));
        }
      }
    }
  }

  /** As many pixels as channels, of which each shows the weights of one channel. */
  private static double[] seen(double[] weight, int in, int out, int dtype) {
    double[] identity = new double[in * in];
    for (int i = 0; i < in; i++) {
      identity[i * in + i] = 1;
    }
    double[] seen = new double[weight.length];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment y = pointwise(arena, identity, in, weight, in, out, dtype);
      double[] got = get(y, HS_F32, weight.length);
      for (int i = 0; i < in; i++) {
        for (int o = 0; o < out; o++) {
          seen[o * in + i] = got[i * out + o];
        }
      }
    }
    return seen;
  }

  @Test
  void everyFloat16NumberComesBack() {
    double[] all = new double[1 << 16];
    for (int bits = 0; bits < all.length; bits++) {
      float value = Float.float16ToFloat((short) bits);
      all[bits] = Float.isFinite(value) ? value + 0.0 : 0; // -0 adds up to 0
    }
    assertArrayEquals(all, seen(all, 64, 1024, HS_F16));
  }

  @Test
  void numbersAreRoundedToTheNearestEvenOne() {
    Random random = new Random(4);
    double[] weight = new double[1 << 14];
    for (int i = 0; i < weight.length; i++) {
      float value = (float) Math.scalb(random.nextDouble() - 0.5, random.nextInt(42) - 26);
      // Every other one lies halfway between two numbers of float16.
      float step = Math.max(Math.ulp(value) * (1 << 13), 0x1p-24f);
      weight[i] = i % 2 == 0 ? value : (float) Math.rint(value / step) * step + step / 2;
    }
    for (int dtype : NARROW) {
      double[] want = rounded(weight, dtype);
      for (int i = 0; i < want.length; i++) {
        want[i] += 0.0; // -0 adds up to 0
      }
      assertArrayEquals(want, seen(weight, 64, 256, dtype));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // pixels, in, out
    "1, 1, 1",
    "1, 320, 1280",
    "50, 17, 45",
    "331, 64, 96",
    "200, 1024, 40",
  })
  void productsOfNarrowWeightsHaveTheSameBits(int pixels, int in, int out) {
    double[] x = normal(pixels * in, 1);
    for (int dtype : NARROW) {
      double[] weight = rounded(normal(out * in, 2), dtype);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment want = pointwise(arena, x, pixels, weight, in, out, HS_F32);
        for (int threads = 1; threads <= 3; threads++) {
          withThreads(
              threads,
              () ->
                  assertSameBits(
                      want, pointwise(arena, x, pixels, weight, in, out, dtype), "y " + dtype));
        }
      }
    }
  }

  // ---- 3x3

  /** A convolution of two sources, normalised, with everything behind it. */
  private record Case(int tile, int n, int h, int w, int in0, int in1, int out) {
    int in() {
      return in0 + in1;
    }

    MemorySegment packed(Arena arena, double[] weight, boolean taps, int dtype) {
      long points = taps ? 9 : (long) (tile + 2) * (tile + 2);
      MemorySegment packed = room(arena, dtype, points * in() * out);
      call(Kernel.WINOGRAD_PACK, "weight stride in out tile taps dtype packed")
          .with(
              put(arena, HS_F32, weight.clone()),
              in(),
              in(),
              out,
              tile,
              taps ? 1 : 0,
              dtype,
              packed);
      return packed;
    }

    /** The image and, behind it, its moments. */
    MemorySegment forward(Arena arena, double[] weight, boolean taps, int dtype) {
      return forward(arena, packed(arena, weight, taps, dtype), 0, taps, dtype);
    }

    /** The same of a weight as it is stored, among other input channels. */
    MemorySegment stored(Arena arena, double[] weight, int dtype) {
      int stride = in() + 1;
      MemorySegment file =
          PackedWeightsKernelTest.stored(arena, weight, out, 9 * in(), 9 * stride, dtype);
      return forward(arena, file, stride, true, dtype);
    }

    private MemorySegment forward(
        Arena arena, MemorySegment weight, int stride, boolean taps, int dtype) {
      long image = 4L * n * h * w * out;
      MemorySegment result = arena.allocate(image + 8L * n * out, 64);
      MemorySegment args =
          WINOGRAD
              .select("n h w in0 in1 out tile silu taps dtype")
              .allocate(arena, n, h, w, in0, in1, out, tile, 1, taps ? 1 : 0, dtype);
      WINOGRAD
          .select("x0 x1 table packed stride bias residual y moments")
          .set(
              args,
              put(arena, HS_F32, normal(n * h * w * in0, 1)),
              put(arena, HS_F32, normal(n * h * w * in1, 2)),
              put(arena, HS_F32, normal(n * 3 * in(), 3)),
              weight,
              stride,
              put(arena, HS_F32, normal(out, 4)),
              put(arena, HS_F32, normal(n * h * w * out, 5)),
              result,
              result.asSlice(image));
      long bytes = workspaceBytes(WINOGRAD, args, false);
      WINOGRAD.select("workspace").set(args, room(arena, HS_F32, bytes / 4));
      run(Kernel.WINOGRAD_FORWARD, args);
      return result;
    }
  }

  @ParameterizedTest
  @CsvSource({
    // tile, n, h, w, channels of the sources, out
    "4, 2, 9, 13, 16, 16, 32",
    "2, 2, 5, 7, 16, 16, 64",
    "4, 1, 50, 50, 16, 16, 32",
    "2, 1, 3, 103, 16, 16, 32",
    // More channels than are transformed at a time, at every instruction set.
    "4, 1, 4, 4, 256, 224, 32",
    "2, 1, 4, 4, 544, 512, 32",
  })
  void convolutionsOfTapsHaveTheSameBits(int tile, int n, int h, int w, int in0, int in1, int out) {
    Case c = new Case(tile, n, h, w, in0, in1, out);
    double[] weight = normal(out * c.in() * 9, 6);
    try (Arena arena = Arena.ofConfined()) {
      assertSameBits(
          c.forward(arena, weight, false, HS_F32), c.forward(arena, weight, true, HS_F32), "f32");
      assertSameBits(
          c.forward(arena, weight, false, HS_F32), c.stored(arena, weight, HS_F32), "stored");
      for (int dtype : NARROW) {
        double[] narrow = rounded(weight, dtype);
        MemorySegment want = c.forward(arena, narrow, false, HS_F32);
        for (int threads = 1; threads <= 3; threads++) {
          withThreads(
              threads,
              () -> {
                assertSameBits(want, c.forward(arena, narrow, true, dtype), "type " + dtype);
                assertSameBits(want, c.stored(arena, narrow, dtype), "stored " + dtype);
              });
        }
      }
    }
  }

  @Test
  void refusesTypesAndFormsThatThereAreNot() {
    double[] weight = normal(32 * 32 * 9, 7);
    try (Arena arena = Arena.ofConfined()) {
      Case c = new Case(4, 1, 4, 4, 16, 16, 32);
      assertThrows(KernelException.class, () -> c.packed(arena, weight, false, HS_F16));
      assertThrows(KernelException.class, () -> c.packed(arena, weight, true, HS_U8));
      assertThrows(KernelException.class, () -> packed(arena, weight, 32, 32, 32, HS_U8));
    }
  }
}
