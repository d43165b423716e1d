package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Activation;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.Operations;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Norm, concatenation and moments as parts of a convolution, against plain double arithmetic. */
class FusedConvolutionTest {
  private static final double TOLERANCE = 2e-5;
  private static final float EPS = 1e-5f;
  private static final int GROUPS = 16;

  /** In place of a Winograd tile's side: a 1x1 convolution. */
  private static final int POINTWISE = 1;

  /** Inputs of one case: two sources far from zero mean, a norm with modulation. */
  private static final class Case {
    final ConvolutionShape shape;
    final int channels0;
    final PlainConvolution plain;
    final double[] source;
    final double[] weight;
    final double[] bias;
    final double[] modulation;

    Case(
        int tile,
        int batch,
        int height,
        int width,
        int channels0,
        int channels1,
        int out,
        long seed) {
      Random random = new Random(seed);
      int in = channels0 + channels1;
      int kernel = tile == POINTWISE ? 1 : 3;
      shape = ConvolutionShape.of(batch, height, width, in, out, kernel, 1, kernel / 2);
      this.channels0 = channels0;
      plain = new PlainConvolution(shape, DataType.F32, random);
      source = plain.x.clone();
      for (int i = 0; i < source.length; i++) {
        source[i] = (float) (3 + i % in * 0.1 + source[i]);
      }
      weight = gaussian(in, random);
      bias = gaussian(in, random);
      modulation = gaussian(2 * in * batch, random);
    }

    private static double[] gaussian(int length, Random random) {
      return random.doubles(length, -1, 1).map(value -> (float) value).toArray();
    }

    /** Leaves silu((1 + scale) norm(source) + shift) in plain.x. */
    void normalise(boolean silu) {
      int in = shape.inputChannels();
      int pixels = shape.height() * shape.width();
      int width = in / GROUPS;
      for (int n = 0; n < shape.batch(); n++) {
        for (int g = 0; g < GROUPS; g++) {
          double mean = 0;
          double square = 0;
          for (int p = 0; p < pixels; p++) {
            for (int c = g * width; c < (g + 1) * width; c++) {
              mean += source[(n * pixels + p) * in + c] / (pixels * width);
            }
          }
          for (int p = 0; p < pixels; p++) {
            for (int c = g * width; c < (g + 1) * width; c++) {
              double deviation = source[(n * pixels + p) * in + c] - mean;
              square += deviation * deviation / (pixels * width);
            }
          }
          double deviation = Math.sqrt(square + EPS);
          for (int p = 0; p < pixels; p++) {
            for (int c = g * width; c < (g + 1) * width; c++) {
              int at = (n * pixels + p) * in + c;
              double y = (source[at] - mean) / deviation * weight[c] + bias[c];
              y = (1 + modulation[n * 2 * in + c]) * y + modulation[n * 2 * in + in + c];
              plain.x[at] = silu ? y / (1 + Math.exp(-y)) : y;
            }
          }
        }
      }
    }

    /** Channels of one of the two sources. */
    double[] part(boolean second) {
      int in = shape.inputChannels();
      int from = second ? channels0 : 0;
      int width = second ? in - channels0 : channels0;
      double[] part = new double[source.length / in * width];
      for (int i = 0; i < part.length; i++) {
        part[i] = source[i / width * in + from + i % width];
      }
      return part;
    }
  }

  /** What the engine makes of a case. */
  private record Result(double[] y, double[] moments, double[] dweight, double[] dbias) {}

  private static Result run(Case c, int tile, boolean silu, int threads) {
    ConvolutionShape shape = c.shape;
    int in = shape.inputChannels();
    int batch = shape.batch();
    int pixels = shape.height() * shape.width();
    try (CpuDevice device = new CpuDevice(threads, ConvolutionAlgorithm.FASTEST);
        Operations operations = device.operations();
        Arena arena = Arena.ofConfined()) {
      GroupNormShape norm =
          new GroupNormShape(
              batch,
              pixels,
              c.channels0,
              in - c.channels0,
              GROUPS,
              EPS,
              silu ? Activation.SILU : Activation.NONE,
              DataType.F32);
      long x0 = PlainConvolution.floats(arena, c.part(false)).address();
      long x1 = norm.channels1() == 0 ? 0 : floats(arena, c.part(true));
      long moments0 = arena.allocate(8L * batch * norm.channels0(), 64).address();
      long moments1 = x1 == 0 ? 0 : arena.allocate(8L * batch * norm.channels1(), 64).address();
      operations.channelMoments(x0, moments0, batch, pixels, norm.channels0(), DataType.F32).run();
      if (x1 != 0) {
        operations
            .channelMoments(x1, moments1, batch, pixels, norm.channels1(), DataType.F32)
            .run();
      }
      long table = arena.allocate(norm.tableBytes(), 64).address();
      GroupNormShape.Memory memory =
          new GroupNormShape.Memory(
              0,
              0,
              floats(arena, c.weight),
              floats(arena, c.bias),
              floats(arena, c.modulation),
              2L * in,
              0,
              arena.allocate(norm.statisticsBytes(), 64).address(),
              0);
      operations.groupNormTable(norm, memory, moments0, moments1, table).run();

      Convolution convolution =
          tile == POINTWISE
              ? new PointwiseConvolution(arena, shape, true)
              : new WinogradConvolution(arena, shape, true, tile);
      Convolution.Input input =
          new Convolution.Input(
              x0, c.channels0, x1, table, silu ? Activation.SILU : Activation.NONE);
      long packed = arena.allocate(convolution.packedForwardBytes(), 64).address();
      convolution.packForward(floats(arena, c.plain.weight), packed).run();
      MemorySegment y = arena.allocate(4L * c.plain.dy.length, 64);
      MemorySegment moments = arena.allocate(8L * batch * shape.outputChannels(), 64);
      convolution
          .forward(
              input,
              packed,
              new Convolution.Output(
                  floats(arena, c.plain.bias),
                  floats(arena, c.plain.dy),
                  y.address(),
                  moments.address()),
              arena.allocate(convolution.forwardScratchBytes(), 64).address())
          .run();
      MemorySegment dweight = arena.allocate(4L * c.plain.weight.length, 64);
      MemorySegment dbias = arena.allocate(4L * shape.outputChannels(), 64);
      convolution
          .backwardWeights(
              input,
              floats(arena, c.plain.dy),
              dweight.address(),
              dbias.address(),
              arena.allocate(convolution.backwardWeightsScratchBytes(), 64).address())
          .run();
      return new Result(
          PlainConvolution.readFloats(y, c.plain.dy.length),
          PlainConvolution.readFloats(moments, 2 * batch * shape.outputChannels()),
          PlainConvolution.readFloats(dweight, c.plain.weight.length),
          PlainConvolution.readFloats(dbias, shape.outputChannels()));
    }
  }

  private static long floats(Arena arena, double[] values) {
    return PlainConvolution.floats(arena, values).address();
  }

  /** Moments by their definition. */
  private static double[] moments(ConvolutionShape shape, double[] y) {
    int pixels = shape.height() * shape.width();
    int channels = shape.outputChannels();
    double[] moments = new double[2 * shape.batch() * channels];
    for (int n = 0; n < shape.batch(); n++) {
      for (int c = 0; c < channels; c++) {
        int at = 2 * n * channels + c;
        for (int p = 0; p < pixels; p++) {
          moments[at] += y[(n * pixels + p) * channels + c] / pixels;
        }
        for (int p = 0; p < pixels; p++) {
          double deviation = y[(n * pixels + p) * channels + c] - moments[at];
          moments[at + channels] += deviation * deviation;
        }
      }
    }
    return moments;
  }

  @ParameterizedTest
  @CsvSource({
    // tile, batch, height, width, channels of the sources, out, silu
    "4, 2, 16, 16, 32, 0, 32, true",
    "2, 2, 8, 8, 32, 0, 32, true",
    "4, 3, 13, 15, 48, 16, 64, true",
    "2, 3, 5, 7, 16, 48, 64, true",
    "4, 1, 8, 8, 32, 32, 32, false",
    "4, 2, 5, 109, 32, 0, 32, true",
    "4, 2, 9, 10, 128, 96, 224, true",
    "2, 2, 3, 2, 192, 128, 320, false",
    "1, 2, 16, 16, 32, 0, 96, false",
    "1, 3, 13, 15, 48, 16, 41, true",
    "1, 5, 3, 3, 11, 5, 7, true",
  })
  void agreesWithPlainArithmetic(
      int tile, int n, int h, int w, int channels0, int channels1, int out, boolean silu) {
    Case c = new Case(tile, n, h, w, channels0, channels1, out, 11);
    c.normalise(silu);
    Result result = run(c, tile, silu, 0);
    double[] y = c.plain.forward(true, true);
    PlainConvolution.assertClose(c.shape + " y", y, result.y, TOLERANCE);
    PlainConvolution.assertClose(
        c.shape + " moments", moments(c.shape, y), result.moments, TOLERANCE);
    PlainConvolution.assertClose(
        c.shape + " dweight", c.plain.backwardWeights(0), result.dweight, TOLERANCE);
    PlainConvolution.assertClose(
        c.shape + " dbias", c.plain.backwardBias(), result.dbias, TOLERANCE);
  }

  @ParameterizedTest
  @CsvSource({"4, 12, 64", "2, 6, 64", "4, 8, 224", "2, 4, 320", "1, 12, 64", "1, 5, 96"})
  void threadsAndBatchDoNotChangeABit(int tile, int side, int channels) {
    int threads = Kernels.cpu().hs_thread_count();
    Case c = new Case(tile, 3, side, side, channels / 2, channels / 2, channels, 12);
    Result many = run(c, tile, true, 2);
    Result one = run(c, tile, true, 1);
    Kernels.cpu().hs_set_thread_count(threads);
    assertArrayEquals(one.y, many.y);
    assertArrayEquals(one.moments, many.moments);
    assertArrayEquals(one.dweight, many.dweight);
    assertArrayEquals(one.dbias, many.dbias);
    Case alone = new Case(tile, 1, side, side, channels / 2, channels / 2, channels, 12);
    int image = side * side * channels;
    System.arraycopy(c.source, 2 * image, alone.source, 0, image);
    System.arraycopy(c.plain.dy, 2 * image, alone.plain.dy, 0, image);
    System.arraycopy(c.plain.weight, 0, alone.plain.weight, 0, c.plain.weight.length);
    System.arraycopy(c.plain.bias, 0, alone.plain.bias, 0, channels);
    System.arraycopy(c.weight, 0, alone.weight, 0, channels);
    System.arraycopy(c.bias, 0, alone.bias, 0, channels);
    System.arraycopy(c.modulation, 4 * channels, alone.modulation, 0, 2 * channels);
    Result single = run(alone, tile, true, 2);
    assertArrayEquals(Arrays.copyOfRange(many.y, 2 * image, 3 * image), single.y);
    assertArrayEquals(Arrays.copyOfRange(many.moments, 4 * channels, 6 * channels), single.moments);
  }

  /** A mean far above the deviations must not cost the variance its digits. */
  @ParameterizedTest
  @ValueSource(ints = {POINTWISE, 2, 4})
  void momentsOfAnImageFarFromZero(int tile) {
    Case c = new Case(tile, 1, 12, 12, 32, 0, 32, 13);
    Arrays.fill(c.plain.bias, 1000);
    c.normalise(true);
    double[] y = c.plain.forward(true, true);
    double[] expected = moments(c.shape, y);
    Result result = run(c, tile, true, 0);
    for (int i = 0; i < 32; i++) {
      assertEquals(expected[32 + i], result.moments[32 + i], 1e-3 * expected[32 + i]);
    }
  }
}
