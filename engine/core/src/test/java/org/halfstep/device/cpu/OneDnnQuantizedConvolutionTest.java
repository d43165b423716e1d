package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import org.halfstep.HeapAllocation;
import org.halfstep.bindings.OneDnn;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Int8 convolutions against exact integer sums, scaled in double precision. */
class OneDnnQuantizedConvolutionTest {
  /** Sums are exact; a few float32 roundings follow. */
  private static final double TOLERANCE = 1e-6;

  private static final float INPUT_SCALE = 0.037f;

  private static OneDnnEngine engine;

  @BeforeAll
  static void open() {
    engine = new OneDnnEngine();
  }

  @AfterAll
  static void close() {
    assertEquals(0, engine.liveObjects());
    engine.close();
  }

  @ParameterizedTest
  @CsvSource({
    // batch, height, width, in, out, kernel, stride, padding, zero point
    "1, 1, 1, 1, 1, 1, 1, 0, 0",
    "2, 5, 7, 3, 33, 3, 1, 1, 9",
    "2, 7, 5, 33, 5, 3, 1, 1, 255",
    "2, 8, 8, 64, 64, 3, 1, 1, 13",
    "1, 7, 7, 96, 64, 3, 2, 1, 128",
    "3, 4, 4, 128, 32, 3, 1, 1, 1",
    "2, 7, 5, 33, 65, 1, 1, 0, 128",
    "4, 4, 4, 64, 192, 1, 1, 0, 77",
  })
  void agreesWithExactSums(
      int n, int h, int w, int in, int out, int kernel, int stride, int pad, int zero) {
    ConvolutionShape shape = ConvolutionShape.of(n, h, w, in, out, kernel, stride, pad);
    for (boolean residual : new boolean[] {false, true}) {
      double worst = new Case(shape, zero, residual).error();
      assertTrue(worst < TOLERANCE, shape + ", residual " + residual + ": " + worst);
    }
  }

  @Test
  void extremesDoNotSaturate() {
    // Pairs of products would leave 16 bits: 2 * 255 * 127.
    Case extreme = new Case(ConvolutionShape.of(1, 6, 6, 128, 16, 3, 1, 1), 0, false);
    Arrays.fill(extreme.x, 255);
    Arrays.fill(extreme.weight, 127);
    assertTrue(extreme.error() < TOLERANCE, "error " + extreme.error());
  }

  @Test
  void runsWithoutHeapAllocation() {
    Case work = new Case(ConvolutionShape.of(2, 8, 8, 32, 32, 3, 1, 1), 17, true);
    work.run(launch -> assertEquals(0, HeapAllocation.bytes(launch::run)));
  }

  @Test
  void aProcessorWithoutByteProductsIsRefusedInOneLine() {
    try (OneDnnEngine old = new OneDnnEngine(new InstructionSet(0x27))) {
      ConvolutionShape shape = ConvolutionShape.of(1, 4, 4, 8, 8, 3, 1, 1);
      UnsupportedOperationException refused =
          assertThrows(
              UnsupportedOperationException.class,
              () -> new OneDnnQuantizedConvolution(old, shape, DataType.F32));
      assertTrue(refused.getMessage().contains("VNNI"), refused.getMessage());
    }
  }

  @Test
  void bfloat16IsChosenWithTilesOnly() {
    assertEquals(
        DataType.BF16, new InstructionSet(OneDnn.dnnl_cpu_isa_avx512_core_amx).fastestType());
    assertEquals(
        DataType.BF16, new InstructionSet(0x1fef).fastestType(), "tiles with fp16 as well");
    assertEquals(
        DataType.F32, new InstructionSet(OneDnn.dnnl_cpu_isa_avx512_core_bf16).fastestType());
    assertEquals(DataType.F32, new InstructionSet(0x1ef).fastestType(), "fp16, no tiles");
    assertEquals(DataType.F32, new InstructionSet(0x7).fastestType(), "AVX2");
  }

  /** Random bytes and scales. */
  private static final class Case {
    final ConvolutionShape shape;
    final int zero;
    final int[] x;
    final int[] weight;
    final float[] weightScale;
    final float[] bias;
    final float[] residual;

    Case(ConvolutionShape shape, int zero, boolean residual) {
      Random random = new Random(7);
      this.shape = shape;
      this.zero = zero;
      int inputs = shape.batch() * shape.height() * shape.width() * shape.inputChannels();
      x = random.ints(inputs, 0, 256).toArray();
      int weights = shape.outputChannels() * shape.inputChannels() * shape.window().taps();
      weight = random.ints(weights, -127, 128).toArray();
      weightScale = floats(random, shape.outputChannels());
      bias = floats(random, shape.outputChannels());
      this.residual =
          residual
              ? floats(
                  random,
                  shape.batch()
                      * shape.outputHeight()
                      * shape.outputWidth()
                      * shape.outputChannels())
              : null;
    }

    private static float[] floats(Random random, int count) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = 0.01f + random.nextFloat();
      }
      return values;
    }

    /** Largest error relative to the sum of magnitudes that make a result. */
    double error() {
      double[] worst = {0};
      run(
          launch -> {
            launch.run();
            worst[0] = worst(launch.y);
          });
      return worst[0];
    }

    private double worst(MemorySegment y) {
      double worst = 0;
      int width = shape.outputWidth();
      int pixels = shape.outputHeight() * width;
      for (int at = 0; at < shape.batch() * pixels; at++) {
        for (int o = 0; o < shape.outputChannels(); o++) {
          double factor = (double) INPUT_SCALE * weightScale[o];
          long index = (long) at * shape.outputChannels() + o;
          double expected =
              factor * sum(at / pixels, at % pixels / width, at % width, o)
                  + bias[o]
                  + (residual == null ? 0 : residual[(int) index]);
          double got = y.getAtIndex(ValueLayout.JAVA_FLOAT, index);
          worst = Math.max(worst, Math.abs(got - expected) / (1 + Math.abs(expected)));
        }
      }
      return worst;
    }

    private long sum(int image, int row, int column, int o) {
      int k = shape.kernel();
      long sum = 0;
      for (int dy = 0; dy < k; dy++) {
        for (int dx = 0; dx < k; dx++) {
          int r = row * shape.stride() + dy - shape.padding();
          int c = column * shape.stride() + dx - shape.padding();
          if (r < 0 || r >= shape.height() || c < 0 || c >= shape.width()) {
            continue;
          }
          int pixel = ((image * shape.height() + r) * shape.width() + c) * shape.inputChannels();
          for (int i = 0; i < shape.inputChannels(); i++) {
            int w = weight[((o * shape.inputChannels() + i) * k + dy) * k + dx];
            sum += (long) (x[pixel + i] - zero) * w;
          }
        }
      }
      return sum;
    }

    /** What {@link #run} hands out. */
    private record Bound(Launch forward, MemorySegment y) {
      void run() {
        forward.run();
      }
    }

    void run(Consumer<Bound> use) {
      try (Arena arena = Arena.ofConfined();
          OneDnnQuantizedConvolution convolution =
              new OneDnnQuantizedConvolution(engine, shape, DataType.F32)) {
        byte[] bytes = new byte[x.length];
        for (int i = 0; i < bytes.length; i++) {
          bytes[i] = (byte) x[i];
        }
        MemorySegment in = arena.allocate(bytes.length, 64);
        MemorySegment.copy(bytes, 0, in, ValueLayout.JAVA_BYTE, 0, bytes.length);
        float[] integers = new float[weight.length];
        for (int i = 0; i < integers.length; i++) {
          integers[i] = weight[i];
        }
        MemorySegment packed = arena.allocate(convolution.packedBytes(), 64);
        MemorySegment scratch = arena.allocate(Math.max(1, convolution.scratchBytes()), 64);
        int outputs =
            shape.batch() * shape.outputHeight() * shape.outputWidth() * shape.outputChannels();
        MemorySegment y = arena.allocate(4L * outputs, 64);
        convolution
            .pack(put(arena, integers), put(arena, zero), packed.address(), scratch.address())
            .run();
        Launch forward =
            convolution.forward(
                in.address(),
                packed.address(),
                put(arena, INPUT_SCALE),
                put(arena, weightScale),
                put(arena, bias),
                residual == null ? 0 : put(arena, residual),
                y.address(),
                scratch.address());
        use.accept(new Bound(forward, y));
      }
    }

    private static long put(Arena arena, float... values) {
      MemorySegment memory = arena.allocate(4L * values.length, 64);
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
      return memory.address();
    }
  }
}
