package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.halfstep.bindings.OneDnn;
import org.halfstep.bindings.OneDnnException;
import org.halfstep.device.Activation;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each pass against a plain convolution in double precision. */
class OneDnnConvolutionTest {
  /** The types that oneDNN's convolutions of numbers with a fraction take. */
  static final List<DataType> FLOATING = List.of(DataType.F32, DataType.BF16);

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
    // batch, height, width, in, out, kernel, stride, padding, weightInputStride, weightInputOffset
    "1, 1, 1, 1, 1, 1, 1, 0, 1, 0",
    "2, 5, 7, 1, 33, 3, 1, 1, 1, 0",
    "2, 7, 5, 3, 5, 3, 1, 1, 3, 0",
    "3, 2, 2, 33, 3, 3, 1, 1, 33, 0",
    "1, 1, 2, 5, 33, 3, 1, 1, 5, 0",
    "2, 7, 7, 33, 5, 3, 2, 1, 33, 0",
    "2, 5, 2, 5, 1, 3, 2, 1, 5, 0",
    "3, 7, 5, 33, 33, 1, 1, 0, 33, 0",
    "2, 5, 5, 5, 3, 1, 2, 0, 5, 0",
    "1, 7, 7, 5, 33, 3, 1, 1, 38, 33",
    "2, 7, 7, 33, 33, 1, 1, 0, 38, 0",
    "2, 5, 5, 32, 64, 3, 1, 1, 96, 64",
    "2, 7, 7, 64, 64, 3, 1, 1, 64, 0",
    "5, 1, 1, 33, 65, 1, 1, 0, 33, 0",
    "64, 1, 1, 128, 128, 1, 1, 0, 128, 0",
    "2, 8, 8, 3, 3, 3, 1, 1, 3, 0",
  })
  void agreesWithPlainArithmetic(
      int n, int h, int w, int in, int out, int kernel, int stride, int pad, int wide, int first) {
    ConvolutionShape shape =
        new ConvolutionShape(n, h, w, in, out, kernel, stride, pad, wide, first);
    for (DataType type : FLOATING) {
      for (boolean bias : new boolean[] {false, true}) {
        for (String residual : new String[] {"none", "same", "separate"}) {
          forward(shape, type, bias, residual);
        }
        backward(shape, type, bias);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    // batch, height, width, in, out, kernel rows and columns, stride, row and column padding
    "2, 9, 8, 33, 32, 1, 7, 1, 0, 3",
    "2, 9, 8, 32, 48, 7, 1, 1, 3, 0",
    "1, 8, 8, 64, 32, 1, 3, 1, 0, 1",
    "1, 8, 8, 32, 64, 3, 1, 1, 1, 0",
    "2, 9, 9, 16, 24, 5, 5, 1, 2, 2",
    "2, 11, 10, 3, 32, 3, 3, 2, 0, 0",
    "2, 16, 16, 32, 32, 3, 3, 1, 1, 1",
    "3, 5, 5, 20, 12, 1, 1, 1, 0, 0",
  })
  void rectangularKernelsAndReluAgreeToo(
      int n, int h, int w, int in, int out, int rows, int columns, int stride, int top, int left) {
    Window window = new Window(rows, columns, stride, top, left);
    ConvolutionShape shape = new ConvolutionShape(n, h, w, in, out, window, in, 0);
    for (Activation activation : new Activation[] {Activation.NONE, Activation.RELU}) {
      for (String residual : new String[] {"none", "same", "separate"}) {
        forward(shape, DataType.F32, true, residual, activation);
      }
    }
  }

  private static void forward(
      ConvolutionShape shape, DataType type, boolean withBias, String residual) {
    forward(shape, type, withBias, residual, Activation.NONE);
  }

  private static void forward(
      ConvolutionShape shape,
      DataType type,
      boolean withBias,
      String residual,
      Activation activation) {
    PlainConvolution plain = new PlainConvolution(shape, type, new Random(7));
    try (Arena arena = Arena.ofConfined();
        OneDnnConvolution convolution =
            new OneDnnConvolution(engine, shape, type, false, activation)) {
      MemorySegment x = plain.activations(arena, plain.x);
      MemorySegment weight = PlainConvolution.floats(arena, plain.weight);
      MemorySegment bias = PlainConvolution.floats(arena, plain.bias);
      MemorySegment old = plain.activations(arena, plain.dy);
      MemorySegment y = residual.equals("same") ? old : plain.activations(arena, plain.dy);
      MemorySegment packed = weight;
      if (convolution.packedForwardBytes() > 0) {
        packed = arena.allocate(convolution.packedForwardBytes(), 64);
        convolution.packForward(weight.address(), packed.address()).run();
      }
      MemorySegment scratch = arena.allocate(Math.max(1, convolution.forwardScratchBytes()), 64);
      convolution
          .forward(
              x.address(),
              packed.address(),
              withBias ? bias.address() : 0,
              residual.equals("none") ? 0 : old.address(),
              y.address(),
              scratch.address())
          .run();
      plain.assertClose(
          shape + " " + type + " forward, bias " + withBias + ", residual " + residual,
          plain.forward(withBias, !residual.equals("none"), activation),
          plain.read(y));
    }
  }

  private static void backward(ConvolutionShape shape, DataType type, boolean withBias) {
    PlainConvolution plain = new PlainConvolution(shape, type, new Random(8));
    String what = shape + " " + type + " bias " + withBias;
    try (Arena arena = Arena.ofConfined();
        OneDnnConvolution convolution = OneDnnConvolution.create(engine, shape, type, true)) {
      MemorySegment x = plain.activations(arena, plain.x);
      MemorySegment dy = plain.activations(arena, plain.dy);
      MemorySegment weight = PlainConvolution.floats(arena, plain.weight);
      MemorySegment packed = weight;
      if (convolution.packedBackwardBytes() > 0) {
        packed = arena.allocate(convolution.packedBackwardBytes(), 64);
        convolution.packBackward(weight.address(), packed.address()).run();
      }
      MemorySegment dx = arena.allocate((long) plain.x.length * type.bytes(), 64);
      MemorySegment scratch =
          arena.allocate(
              1
                  + Math.max(
                      convolution.backwardDataScratchBytes(),
                      convolution.backwardWeightsScratchBytes()),
              64);
      convolution
          .backwardData(dy.address(), packed.address(), dx.address(), scratch.address())
          .run();
      plain.assertClose(what + " dx", plain.backwardData(), plain.read(dx));

      // What lies outside this convolution's range of channels must survive.
      double[] marks = new double[plain.weight.length];
      java.util.Arrays.fill(marks, 1234);
      MemorySegment dweight = PlainConvolution.floats(arena, marks);
      MemorySegment dbias = arena.allocate(4L * shape.outputChannels(), 64);
      MemorySegment gradient =
          convolution.packedGradientBytes() > 0
              ? arena.allocate(convolution.packedGradientBytes(), 64)
              : dweight;
      convolution
          .backwardWeights(
              x.address(),
              dy.address(),
              gradient.address(),
              withBias ? dbias.address() : 0,
              scratch.address())
          .run();
      convolution.unpackGradient(gradient.address(), dweight.address()).run();
      plain.assertClose(
          what + " dweight",
          plain.backwardWeights(1234),
          PlainConvolution.readFloats(dweight, marks.length));
      if (withBias) {
        plain.assertClose(
            what + " dbias",
            plain.backwardBias(),
            PlainConvolution.readFloats(dbias, shape.outputChannels()));
      }
    }
  }

  @Test
  void noReferenceImplementation() {
    for (DataType type : FLOATING) {
      for (int[] channels : new int[][] {{1, 32}, {3, 32}, {32, 1}, {32, 3}, {3, 128}, {64, 64}}) {
        ConvolutionShape shape = ConvolutionShape.of(4, 14, 14, channels[0], channels[1], 3, 1, 1);
        try (OneDnnConvolution convolution = OneDnnConvolution.create(engine, shape, type, true)) {
          for (String name : convolution.implementations()) {
            assertTrue(!name.contains("ref"), shape + " " + type + " runs as " + name);
          }
        }
      }
    }
  }

  @Test
  void aClosedEngineMakesNothing() {
    OneDnnEngine own = new OneDnnEngine();
    own.close();
    own.close();
    ConvolutionShape shape = ConvolutionShape.linear(1, 2, 3);
    assertThrows(
        IllegalStateException.class,
        () -> OneDnnConvolution.create(own, shape, DataType.F32, true));
    assertEquals(0, own.liveObjects());
  }

  /** A resumed run must repeat the interrupted one bit for bit. */
  @Test
  void repetitionGivesTheSameBits() {
    ConvolutionShape shape = ConvolutionShape.of(8, 14, 14, 32, 64, 3, 1, 1);
    for (DataType type : FLOATING) {
      PlainConvolution plain = new PlainConvolution(shape, type, new Random(9));
      try (Arena arena = Arena.ofConfined();
          OneDnnConvolution convolution = OneDnnConvolution.create(engine, shape, type, true)) {
        long x = plain.activations(arena, plain.x).address();
        long dy = plain.activations(arena, plain.dy).address();
        long scratch = arena.allocate(convolution.backwardWeightsScratchBytes() + 1, 64).address();
        MemorySegment dbias = arena.allocate(4L * shape.outputChannels(), 64);
        MemorySegment first = arena.allocate(convolution.packedGradientBytes(), 64);
        MemorySegment again = arena.allocate(convolution.packedGradientBytes(), 64);
        convolution.backwardWeights(x, dy, first.address(), dbias.address(), scratch).run();
        for (int i = 0; i < 20; i++) {
          convolution.backwardWeights(x, dy, again.address(), dbias.address(), scratch).run();
          assertEquals(-1, first.mismatch(again), shape + " " + type);
        }
      }
    }
  }

  @Test
  void equalShapesShareTheirPrimitives() {
    ConvolutionShape shape = ConvolutionShape.of(1, 4, 4, 32, 32, 3, 1, 1);
    try (OneDnnConvolution first = OneDnnConvolution.create(engine, shape, DataType.F32, true)) {
      long held = engine.liveObjects();
      OneDnnConvolution second = OneDnnConvolution.create(engine, shape, DataType.F32, true);
      assertEquals(held, engine.liveObjects());
      second.close();
      second.close();
      assertEquals(held, engine.liveObjects());
      assertEquals(shape, first.shape());
    }
    assertEquals(0, engine.liveObjects());
  }

  @Test
  void anEngineInUseCannotBeClosed() {
    try (OneDnnEngine own = new OneDnnEngine();
        OneDnnConvolution open =
            OneDnnConvolution.create(own, ConvolutionShape.linear(1, 2, 3), DataType.F32, false)) {
      assertTrue(own.liveObjects() > 0);
      assertThrows(IllegalStateException.class, own::close);
      assertThrows(IllegalStateException.class, () -> open.backwardData(64, 64, 64, 0));
    }
  }

  @Test
  void aClosedLaunchDoesNotRun() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(1 << 16, 64);
      OneDnnConvolution convolution =
          OneDnnConvolution.create(engine, ConvolutionShape.linear(1, 16, 16), DataType.F32, false);
      var launch =
          convolution.forward(
              memory.address(),
              memory.address() + 4096,
              0,
              0,
              memory.address() + 8192,
              memory.address() + 16384);
      convolution.close();
      assertThrows(IllegalStateException.class, launch::run);
      assertEquals(0, memory.get(ValueLayout.JAVA_INT, 8192));
    }
  }

  @Test
  void aWarmLaunchAllocatesNothing() {
    var threads =
        (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
    try (Arena arena = Arena.ofConfined();
        OneDnnConvolution convolution =
            OneDnnConvolution.create(
                engine, ConvolutionShape.linear(1, 16, 16), DataType.F32, false)) {
      long x = arena.allocate(1 << 12, 64).address();
      long weight = arena.allocate(1 << 12, 64).address();
      long scratch = arena.allocate(convolution.forwardScratchBytes() + 1, 64).address();
      var launch = convolution.forward(x, weight, 0, 0, x + 1024, scratch);
      // The first runs are interpreted, which does allocate.
      for (int i = 0; i < 30_000; i++) {
        launch.run();
      }
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 10_000; i++) {
        launch.run();
      }
      long perRun = (threads.getCurrentThreadAllocatedBytes() - before) / 10_000;
      assertEquals(0, perRun);
    }
  }

  @Test
  void aRefusalNamesTheFunctionAndTheStatus() {
    OneDnnException refused =
        assertThrows(
            OneDnnException.class,
            () -> OneDnn.dnnl_engine_create(MemorySegment.NULL, OneDnn.dnnl_cpu, 0));
    assertEquals("dnnl_engine_create", refused.function());
    assertTrue(refused.getMessage().contains("dnnl_invalid_arguments"), refused.getMessage());
  }
}
