package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.cuda.cublas.CublasConvolution;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights as NVIDIA's libraries read them, packed by the CPU's kernels: no library is called. */
class PackedWeightTest {
  private static final int OUT = 5;
  private static final int IN = 3;
  private static final int STORED = 7;
  private static final int FIRST = 2;

  private static ConvolutionRequest request(int kernel, DataType type) {
    ConvolutionShape shape =
        new ConvolutionShape(1, 4, 4, IN, OUT, kernel, 1, kernel / 2, STORED, FIRST);
    return ConvolutionRequest.plain(shape, type, false);
  }

  /** Every number is its own index, which both types hold exactly. */
  private static MemorySegment indices(Arena arena, int count) {
    MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, count);
    for (int i = 0; i < count; i++) {
      values.setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
    }
    return values;
  }

  private static float at(MemorySegment values, DataType type, long index) {
    return type == DataType.BF16
        ? Float.intBitsToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT, index) << 16)
        : values.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  @Test
  void aProductsWeightIsFollowedByItsBias() {
    DataType type = DataType.BF16;
    try (Arena arena = Arena.ofConfined();
        CublasConvolution product =
            new CublasConvolution(null, Kernels.cpu(), MemorySegment.NULL, request(1, type))) {
      MemorySegment packed = arena.allocate(product.packedForwardBytes(), 64);
      MemorySegment weight = indices(arena, OUT * STORED);
      product.packForward(weight.address(), indices(arena, OUT).address(), packed.address()).run();
      for (int o = 0; o < OUT; o++) {
        for (int i = 0; i < IN; i++) {
          assertEquals(o * STORED + FIRST + i, at(packed, type, o * IN + i));
        }
        long bias = packed.byteSize() / 2 / type.bytes();
        assertEquals(o, at(packed, type, bias + o));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void aFilterIsPaddedWithZeros(DataType type) {
    WantedPlans plans = new WantedPlans(request -> {}, request -> Optional.empty());
    try (Arena arena = Arena.ofConfined();
        CudnnConvolution convolution =
            new CudnnConvolution(
                null, plans, Kernels.cpu(), MemorySegment.NULL, request(3, type))) {
      MemorySegment packed = arena.allocate(convolution.packedForwardBytes(), 64).fill((byte) 1);
      MemorySegment weight = indices(arena, OUT * STORED * 9);
      convolution.packForward(weight.address(), 0, packed.address()).run();
      for (int o = 0; o < 8; o++) {
        for (int tap = 0; tap < 9; tap++) {
          for (int i = 0; i < 8; i++) {
            float want = o < OUT && i < IN ? (o * STORED + FIRST + i) * 9 + tap : 0;
            float got = at(packed, type, (o * 9 + tap) * 8 + i);
            assertEquals(want, got, type == DataType.BF16 ? want / 256 : 0);
          }
        }
      }
    }
  }
}
