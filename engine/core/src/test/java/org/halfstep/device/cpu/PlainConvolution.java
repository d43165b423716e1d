package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.halfstep.device.Activation;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;

/** A convolution by its definition, in double, on random data that the storage type represents. */
final class PlainConvolution {
  final double[] x;
  final double[] dy;
  final double[] weight;
  final double[] bias;

  private final ConvolutionShape shape;
  private final DataType type;

  PlainConvolution(ConvolutionShape shape, DataType type, Random random) {
    this.shape = shape;
    this.type = type;
    x = random(shape.batch() * shape.height() * shape.width() * shape.inputChannels(), random);
    dy =
        random(
            shape.batch() * shape.outputHeight() * shape.outputWidth() * shape.outputChannels(),
            random);
    weight =
        random(shape.outputChannels() * shape.weightInputStride() * shape.window().taps(), random);
    bias = random(shape.outputChannels(), random);
  }

  private double[] random(int length, Random random) {
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = round((float) random.nextGaussian());
    }
    return values;
  }

  private float round(float value) {
    return type == DataType.F32 ? value : fromBits(toBits(value));
  }

  private static short toBits(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }

  private static float fromBits(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  MemorySegment activations(Arena arena, double[] values) {
    if (type == DataType.F32) {
      return floats(arena, values);
    }
    MemorySegment memory = arena.allocate(2L * values.length, 64);
    for (int i = 0; i < values.length; i++) {
      memory.setAtIndex(ValueLayout.JAVA_SHORT, i, toBits((float) values[i]));
    }
    return memory;
  }

  double[] read(MemorySegment memory) {
    if (type == DataType.F32) {
      return readFloats(memory, (int) (memory.byteSize() / 4));
    }
    double[] values = new double[(int) (memory.byteSize() / 2)];
    for (int i = 0; i < values.length; i++) {
      values[i] = fromBits(memory.getAtIndex(ValueLayout.JAVA_SHORT, i));
    }
    return values;
  }

  static MemorySegment floats(Arena arena, double[] values) {
    MemorySegment memory = arena.allocate(4L * values.length, 64);
    for (int i = 0; i < values.length; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
    }
    return memory;
  }

  static double[] readFloats(MemorySegment memory, int length) {
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = memory.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return values;
  }

  /** Called for each product of the sum, with the flat indices of its factors. */
  private interface Term {
    void add(int x, int weight, int y);
  }

  private void forEachTerm(Term term) {
    Window window = shape.window();
    int oh = shape.outputHeight();
    int ow = shape.outputWidth();
    for (int n = 0; n < shape.batch(); n++) {
      for (int row = 0; row < oh; row++) {
        for (int column = 0; column < ow; column++) {
          for (int ky = 0; ky < window.height(); ky++) {
            for (int kx = 0; kx < window.width(); kx++) {
              int sy = row * shape.stride() + ky - window.top();
              int sx = column * shape.stride() + kx - window.left();
              if (sy < 0 || sy >= shape.height() || sx < 0 || sx >= shape.width()) {
                continue;
              }
              int source = ((n * shape.height() + sy) * shape.width() + sx) * shape.inputChannels();
              int target = ((n * oh + row) * ow + column) * shape.outputChannels();
              for (int o = 0; o < shape.outputChannels(); o++) {
                for (int i = 0; i < shape.inputChannels(); i++) {
                  int stored = o * shape.weightInputStride() + shape.weightInputOffset() + i;
                  int tap = ky * window.width() + kx;
                  term.add(source + i, stored * window.taps() + tap, target + o);
                }
              }
            }
          }
        }
      }
    }
  }

  double[] forward(boolean withBias, boolean withResidual) {
    return forward(withBias, withResidual, Activation.NONE);
  }

  double[] forward(boolean withBias, boolean withResidual, Activation activation) {
    double[] y = withResidual ? dy.clone() : new double[dy.length];
    forEachTerm((i, k, o) -> y[o] += x[i] * weight[k]);
    for (int o = 0; withBias && o < y.length; o++) {
      y[o] += bias[o % bias.length];
    }
    for (int o = 0; activation == Activation.RELU && o < y.length; o++) {
      y[o] = Math.max(y[o], 0);
    }
    return y;
  }

  double[] backwardData() {
    double[] dx = new double[x.length];
    forEachTerm((i, k, o) -> dx[i] += dy[o] * weight[k]);
    return dx;
  }

  /** The gradient of the stored weight; {@code elsewhere} outside the range of channels read. */
  double[] backwardWeights(double elsewhere) {
    int area = shape.window().taps();
    double[] dweight = new double[weight.length];
    for (int i = 0; i < dweight.length; i++) {
      int channel = i / area % shape.weightInputStride() - shape.weightInputOffset();
      dweight[i] = channel >= 0 && channel < shape.inputChannels() ? 0 : elsewhere;
    }
    forEachTerm((i, k, o) -> dweight[k] += dy[o] * x[i]);
    return dweight;
  }

  double[] backwardBias() {
    double[] dbias = new double[bias.length];
    for (int o = 0; o < dy.length; o++) {
      dbias[o % bias.length] += dy[o];
    }
    return dbias;
  }

  /** Relative to the largest element: rounding of 24 bits for float32, of 8 for bfloat16. */
  void assertClose(String what, double[] expected, double[] actual) {
    assertClose(what, expected, actual, type == DataType.F32 ? 2e-6 : 1e-2);
  }

  static void assertClose(String what, double[] expected, double[] actual, double tolerance) {
    double largest = 1;
    for (double value : expected) {
      largest = Math.max(largest, value == 1234 ? 0 : Math.abs(value));
    }
    assertEquals(expected.length, actual.length, what);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], tolerance * largest, what + " at " + i);
    }
  }
}
