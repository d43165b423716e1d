package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against a plain convolution in double precision. */
class WinogradConvolutionTest {
  /** Relative to the largest element. */
  private static final double TOLERANCE = 2e-5;

  @ParameterizedTest
  @CsvSource({
    // batch, height, width, in, out, weightInputStride, weightInputOffset
    "1, 16, 16, 32, 32, 32, 0",
    "3, 14, 14, 32, 64, 32, 0",
    "2, 13, 15, 64, 32, 64, 0",
    "1, 4, 48, 32, 32, 96, 64",
    "2, 12, 16, 96, 32, 96, 0",
  })
  void agreesWithPlainArithmetic(int n, int h, int w, int in, int out, int wide, int first) {
    ConvolutionShape shape = new ConvolutionShape(n, h, w, in, out, 3, 1, 1, wide, first);
    assertTrue(WinogradConvolution.suits(shape, DataType.F32));
    PlainConvolution plain = new PlainConvolution(shape, DataType.F32, new Random(7));
    for (boolean bias : new boolean[] {false, true}) {
      for (boolean residual : new boolean[] {false, true}) {
        for (boolean inPlace : new boolean[] {false, true}) {
          PlainConvolution.assertClose(
              shape + " bias " + bias + " residual " + residual + " in place " + inPlace,
              plain.forward(bias, residual),
              forward(shape, plain.x, plain, bias, residual, inPlace),
              TOLERANCE);
        }
      }
    }
    PlainConvolution.assertClose(shape + " dx", plain.backwardData(), dx(shape, plain), TOLERANCE);
    weightGradient(shape, plain);
  }

  private static void weightGradient(ConvolutionShape shape, PlainConvolution plain) {
    // What lies outside this convolution's range of channels must survive.
    double[] marks = new double[plain.weight.length];
    Arrays.fill(marks, 1234);
    try (Arena arena = Arena.ofConfined();
        WinogradConvolution convolution = new WinogradConvolution(shape, true)) {
      MemorySegment dweight = PlainConvolution.floats(arena, marks);
      MemorySegment dbias = arena.allocate(4L * shape.outputChannels(), 64);
      convolution
          .backwardWeights(
              PlainConvolution.floats(arena, plain.x).address(),
              PlainConvolution.floats(arena, plain.dy).address(),
              dweight.address(),
              dbias.address(),
              arena.allocate(convolution.backwardWeightsScratchBytes(), 64).address())
          .run();
      PlainConvolution.assertClose(
          shape + " dweight",
          plain.backwardWeights(1234),
          PlainConvolution.readFloats(dweight, marks.length),
          TOLERANCE);
      PlainConvolution.assertClose(
          shape + " dbias",
          plain.backwardBias(),
          PlainConvolution.readFloats(dbias, shape.outputChannels()),
          TOLERANCE);
    }
  }

  private static double[] forward(
      ConvolutionShape shape,
      double[] images,
      PlainConvolution plain,
      boolean withBias,
      boolean withResidual,
      boolean inPlace) {
    try (Arena arena = Arena.ofConfined();
        WinogradConvolution convolution = new WinogradConvolution(shape, false)) {
      MemorySegment weight = PlainConvolution.floats(arena, plain.weight);
      MemorySegment packed = arena.allocate(convolution.packedForwardBytes(), 64);
      convolution.packForward(weight.address(), packed.address()).run();
      MemorySegment old = PlainConvolution.floats(arena, plain.dy);
      MemorySegment y = inPlace ? old : PlainConvolution.floats(arena, plain.dy);
      convolution
          .forward(
              PlainConvolution.floats(arena, images).address(),
              packed.address(),
              withBias ? PlainConvolution.floats(arena, plain.bias).address() : 0,
              withResidual ? old.address() : 0,
              y.address(),
              arena.allocate(convolution.forwardScratchBytes(), 64).address())
          .run();
      return plain.read(y);
    }
  }

  private static double[] dx(ConvolutionShape shape, PlainConvolution plain) {
    try (Arena arena = Arena.ofConfined();
        WinogradConvolution convolution = new WinogradConvolution(shape, true)) {
      MemorySegment weight = PlainConvolution.floats(arena, plain.weight);
      MemorySegment packed = arena.allocate(convolution.packedBackwardBytes(), 64);
      convolution.packBackward(weight.address(), packed.address()).run();
      MemorySegment dx = arena.allocate(4L * plain.x.length, 64);
      convolution
          .backwardData(
              PlainConvolution.floats(arena, plain.dy).address(),
              packed.address(),
              dx.address(),
              arena.allocate(convolution.backwardDataScratchBytes(), 64).address())
          .run();
      return plain.read(dx);
    }
  }

  /** An image must come out the same alone and in a batch, on one thread and on several. */
  @Test
  void batchAndThreadsDoNotChangeABit() {
    ConvolutionShape five = ConvolutionShape.of(5, 14, 14, 32, 32, 3, 1, 1);
    ConvolutionShape one = ConvolutionShape.of(1, 14, 14, 32, 32, 3, 1, 1);
    PlainConvolution plain = new PlainConvolution(five, DataType.F32, new Random(8));
    double[] together = forward(five, plain.x, plain, true, false, false);
    int threads = Kernels.cpu().hs_thread_count();
    try {
      Kernels.cpu().hs_set_thread_count(1);
      assertArrayEquals(together, forward(five, plain.x, plain, true, false, false));
    } finally {
      Kernels.cpu().hs_set_thread_count(threads);
    }
    int image = 14 * 14 * 32;
    for (int i = 0; i < 5; i++) {
      double[] x = Arrays.copyOfRange(plain.x, i * image, (i + 1) * image);
      double[] alone = forward(one, x, plain, true, false, false);
      assertArrayEquals(
          Arrays.copyOfRange(together, i * image, (i + 1) * image),
          Arrays.copyOf(alone, image),
          "image " + i);
    }
  }

  @Test
  void othersAreComputedDirectly() {
    assertFalse(
        WinogradConvolution.suits(ConvolutionShape.of(9, 8, 8, 32, 32, 3, 1, 1), DataType.F32));
    assertFalse(
        WinogradConvolution.suits(ConvolutionShape.of(1, 16, 16, 32, 32, 3, 2, 1), DataType.F32));
    assertFalse(
        WinogradConvolution.suits(ConvolutionShape.of(1, 16, 16, 32, 32, 1, 1, 0), DataType.F32));
    assertFalse(
        WinogradConvolution.suits(ConvolutionShape.of(1, 16, 16, 32, 1, 3, 1, 1), DataType.F32));
    assertFalse(
        WinogradConvolution.suits(ConvolutionShape.of(1, 16, 16, 32, 32, 3, 1, 1), DataType.BF16));
  }
}
