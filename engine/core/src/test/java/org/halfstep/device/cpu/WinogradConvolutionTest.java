package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against a plain convolution in double precision. */
class WinogradConvolutionTest {
  /** Relative to the largest element. */
  private static final double TOLERANCE = 2e-5;

  /** So many that shared steps take more than one round. */
  private static final int IMAGES = 9;

  @ParameterizedTest
  @CsvSource({
    // tile, batch, height, width, in, out, weightInputStride, weightInputOffset
    "4, 1, 16, 16, 32, 32, 32, 0",
    "2, 1, 16, 16, 32, 32, 32, 0",
    "4, 3, 14, 14, 32, 64, 32, 0",
    "2, 3, 7, 7, 32, 64, 32, 0",
    "4, 2, 13, 15, 64, 32, 64, 0",
    "2, 2, 5, 9, 64, 32, 64, 0",
    "4, 1, 4, 48, 32, 32, 96, 64",
    "2, 1, 1, 3, 32, 32, 96, 64",
    // Rows of tiles longer than one piece.
    "4, 1, 6, 131, 32, 32, 32, 0",
    "2, 1, 3, 103, 32, 32, 32, 0",
    // Weights large enough that all threads share the steps.
    "4, 1, 9, 10, 224, 224, 224, 0",
    "2, 1, 3, 2, 320, 320, 320, 0",
  })
  void agreesWithPlainArithmetic(
      int tile, int n, int h, int w, int in, int out, int wide, int first) {
    ConvolutionShape shape = new ConvolutionShape(n, h, w, in, out, 3, 1, 1, wide, first);
    PlainConvolution plain = new PlainConvolution(shape, DataType.F32, new Random(7));
    for (boolean bias : new boolean[] {false, true}) {
      for (boolean residual : new boolean[] {false, true}) {
        double[] expected = plain.forward(bias, residual);
        for (boolean inPlace : new boolean[] {false, true}) {
          PlainConvolution.assertClose(
              shape + " bias " + bias + " residual " + residual + " in place " + inPlace,
              expected,
              forward(tile, shape, plain.x, plain, bias, residual, inPlace),
              TOLERANCE);
        }
      }
    }
    PlainConvolution.assertClose(
        shape + " dx", plain.backwardData(), dx(tile, shape, plain), TOLERANCE);
    weightGradient(tile, shape, plain);
  }

  @Test
  void itsArithmeticIsThatOfItsProducts() {
    for (int tile : new int[] {2, 4}) {
      // Whole tiles need a quarter or four ninths of the direct form's products; cut ones as many
      // as whole ones.
      ConvolutionShape whole = ConvolutionShape.of(3, 16, 12, 32, 64, 3, 1, 1);
      ConvolutionShape cut = ConvolutionShape.of(3, 15, 11, 32, 64, 3, 1, 1);
      try (Arena arena = Arena.ofConfined();
          WinogradConvolution of = new WinogradConvolution(arena, whole, false, tile);
          WinogradConvolution ofCut = new WinogradConvolution(arena, cut, false, tile)) {
        assertEquals(whole.flops() * (tile == 4 ? 9 : 16), of.flopsDone() * 36);
        assertEquals(of.flopsDone(), ofCut.flopsDone());
      }
    }
  }

  private static void weightGradient(int tile, ConvolutionShape shape, PlainConvolution plain) {
    // What lies outside this convolution's range of channels must survive.
    double[] marks = new double[plain.weight.length];
    Arrays.fill(marks, 1234);
    try (Arena arena = Arena.ofConfined();
        WinogradConvolution convolution = new WinogradConvolution(arena, shape, true, tile)) {
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
      int tile,
      ConvolutionShape shape,
      double[] images,
      PlainConvolution plain,
      boolean withBias,
      boolean withResidual,
      boolean inPlace) {
    try (Arena arena = Arena.ofConfined();
        WinogradConvolution convolution = new WinogradConvolution(arena, shape, false, tile)) {
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

  private static double[] dx(int tile, ConvolutionShape shape, PlainConvolution plain) {
    try (Arena arena = Arena.ofConfined();
        WinogradConvolution convolution = new WinogradConvolution(arena, shape, true, tile)) {
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
  @ParameterizedTest
  @CsvSource({"4, 14, 32", "2, 7, 32", "4, 14, 224", "2, 8, 320"})
  void batchAndThreadsDoNotChangeABit(int tile, int side, int channels) {
    ConvolutionShape nine = ConvolutionShape.of(IMAGES, side, side, channels, channels, 3, 1, 1);
    ConvolutionShape one = ConvolutionShape.of(1, side, side, channels, channels, 3, 1, 1);
    PlainConvolution plain = new PlainConvolution(nine, DataType.F32, new Random(8));
    double[] together = forward(tile, nine, plain.x, plain, true, false, false);
    int threads = Kernels.cpu().hs_thread_count();
    try {
      Kernels.cpu().hs_set_thread_count(1);
      assertArrayEquals(together, forward(tile, nine, plain.x, plain, true, false, false));
    } finally {
      Kernels.cpu().hs_set_thread_count(threads);
    }
    int image = side * side * channels;
    for (int i = 0; i < IMAGES; i++) {
      double[] x = Arrays.copyOfRange(plain.x, i * image, (i + 1) * image);
      double[] alone = forward(tile, one, x, plain, true, false, false);
      assertArrayEquals(
          Arrays.copyOfRange(together, i * image, (i + 1) * image),
          Arrays.copyOf(alone, image),
          "image " + i);
    }
  }

  @ParameterizedTest
  @CsvSource({
    // height, width, in, out, kernel, stride, tile: 0 for the direct form
    "32, 32, 64, 64, 3, 1, 4",
    "8, 8, 256, 256, 3, 1, 4",
    "8, 8, 768, 768, 3, 1, 2",
    "16, 16, 576, 576, 3, 1, 4",
    "4, 4, 64, 64, 3, 1, 2",
    "2, 2, 64, 64, 3, 1, 0",
    "16, 16, 32, 32, 3, 2, 0",
    "16, 16, 32, 32, 1, 1, 0",
    "16, 16, 32, 1, 3, 1, 0",
    "16, 16, 3, 32, 3, 1, 0",
  })
  void isChosenByShape(int h, int w, int in, int out, int kernel, int stride, int tile) {
    for (int batch : new int[] {1, 64}) {
      ConvolutionShape shape =
          ConvolutionShape.of(batch, h, w, in, out, kernel, stride, kernel / 2);
      assertEquals(
          tile,
          WinogradConvolution.tile(ConvolutionAlgorithm.FASTEST, shape, DataType.F32),
          shape.toString());
      assertEquals(0, WinogradConvolution.tile(ConvolutionAlgorithm.DIRECT, shape, DataType.F32));
      assertEquals(
          0, WinogradConvolution.tile(ConvolutionAlgorithm.WINOGRAD4, shape, DataType.BF16));
    }
  }
}
