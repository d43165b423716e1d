package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against a plain convolution in double precision. */
class PointwiseConvolutionTest {
  @ParameterizedTest
  @CsvSource({
    // batch, height, width, in, out, weightInputStride, weightInputOffset
    "1, 1, 1, 16, 16, 16, 0",
    "7, 1, 1, 48, 80, 48, 0",
    "3, 13, 7, 32, 64, 96, 64",
    "2, 9, 11, 29, 35, 70, 3",
  })
  void agreesWithPlainArithmetic(int n, int h, int w, int in, int out, int wide, int first) {
    ConvolutionShape shape = new ConvolutionShape(n, h, w, in, out, 1, 1, 0, wide, first);
    PlainConvolution plain = new PlainConvolution(shape, DataType.F32, new Random(7));
    try (Arena arena = Arena.ofConfined();
        PointwiseConvolution convolution = new PointwiseConvolution(arena, shape, true)) {
      long scratch =
          arena
              .allocate(
                  Math.max(
                      convolution.forwardScratchBytes(),
                      Math.max(
                          convolution.backwardDataScratchBytes(),
                          convolution.backwardWeightsScratchBytes())),
                  64)
              .address();
      long x = floats(arena, plain.x);
      long weight = floats(arena, plain.weight);
      long dy = floats(arena, plain.dy);

      long packed = arena.allocate(convolution.packedForwardBytes(), 64).address();
      convolution.packForward(weight, packed).run();
      MemorySegment y = arena.allocate(4L * plain.dy.length, 64);
      convolution.forward(x, packed, floats(arena, plain.bias), dy, y.address(), scratch).run();
      plain.assertClose(shape + " y", plain.forward(true, true), plain.read(y));

      long transposed = arena.allocate(convolution.packedBackwardBytes(), 64).address();
      convolution.packBackward(weight, transposed).run();
      MemorySegment dx = arena.allocate(4L * plain.x.length, 64);
      convolution.backwardData(dy, transposed, dx.address(), scratch).run();
      plain.assertClose(shape + " dx", plain.backwardData(), plain.read(dx));

      // What lies outside this convolution's range of channels must survive.
      double[] marks = new double[plain.weight.length];
      Arrays.fill(marks, 1234);
      MemorySegment dweight = PlainConvolution.floats(arena, marks);
      MemorySegment dbias = arena.allocate(4L * out, 64);
      convolution.backwardWeights(x, dy, dweight.address(), dbias.address(), scratch).run();
      plain.assertClose(
          shape + " dweight",
          plain.backwardWeights(1234),
          PlainConvolution.readFloats(dweight, marks.length));
      plain.assertClose(
          shape + " dbias", plain.backwardBias(), PlainConvolution.readFloats(dbias, out));
    }
  }

  private static long floats(Arena arena, double[] values) {
    return PlainConvolution.floats(arena, values).address();
  }

  @ParameterizedTest
  @CsvSource({
    // height, width, in, out, kernel, stride, chosen
    "16, 16, 128, 384, 1, 1, true",
    "32, 32, 192, 64, 1, 1, true",
    "14, 14, 96, 64, 1, 1, true",
    "7, 7, 48, 80, 1, 1, false",
    "28, 28, 64, 32, 1, 1, false",
    "28, 28, 32, 64, 1, 1, false",
    "1, 1, 256, 4096, 1, 1, true",
    "16, 16, 64, 70, 1, 1, false",
    "16, 16, 3, 64, 1, 1, false",
    "16, 16, 64, 64, 1, 2, false",
    "16, 16, 64, 64, 3, 1, false",
  })
  void isChosenByShape(int h, int w, int in, int out, int kernel, int stride, boolean chosen) {
    for (int batch : new int[] {1, 64}) {
      ConvolutionShape shape =
          ConvolutionShape.of(batch, h, w, in, out, kernel, stride, kernel / 2);
      assertEquals(
          chosen,
          PointwiseConvolution.isChosen(ConvolutionAlgorithm.FASTEST, shape, DataType.F32),
          shape.toString());
      assertFalse(PointwiseConvolution.isChosen(ConvolutionAlgorithm.DIRECT, shape, DataType.F32));
      assertFalse(
          PointwiseConvolution.isChosen(ConvolutionAlgorithm.FASTEST, shape, DataType.BF16));
    }
  }

  @Test
  void hasNoBackwardPassForInference() {
    try (Arena arena = Arena.ofConfined();
        PointwiseConvolution convolution =
            new PointwiseConvolution(arena, ConvolutionShape.linear(1, 16, 16), false)) {
      assertEquals(0, convolution.packedBackwardBytes());
      assertThrows(IllegalStateException.class, () -> convolution.backwardData(0, 0, 0, 0));
    }
  }
}
