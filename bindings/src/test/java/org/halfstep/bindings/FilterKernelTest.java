package org.halfstep.bindings;

import static org.halfstep.bindings.Arrays64.assertClose;
import static org.halfstep.bindings.Arrays64.get;
import static org.halfstep.bindings.Arrays64.normal;
import static org.halfstep.bindings.Arrays64.put;
import static org.halfstep.bindings.Arrays64.room;
import static org.halfstep.bindings.Arrays64.tolerance;
import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FilterKernelTest {
  @ParameterizedTest
  @CsvSource({"5, 3, 7, 9, 8, 8, 0", "13, 13, 33, 1, 16, 40, 1", "40, 35, 3, 9, 40, 3, 1"})
  void packsAndUnpacks(
      int stride, int in, int out, int taps, int packedIn, int packedOut, int dtype) {
    double[] weight = normal(out * stride * taps, 1);
    double[] before = normal(out * stride * taps, 2);
    int count = packedOut * taps * packedIn;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment packed = room(arena, dtype, count);
      call(Kernel.FILTER_PACK, "weight stride in out taps packed packed_in packed_out dtype")
          .with(
              put(arena, HS_F32, weight),
              stride,
              in,
              out,
              taps,
              packed,
              packedIn,
              packedOut,
              dtype);
      MemorySegment back = put(arena, HS_F32, before);
      call(Kernel.FILTER_UNPACK, "packed packed_in packed_out weight stride in out taps dtype")
          .with(packed, packedIn, packedOut, back, stride, in, out, taps, dtype);
      double[] want = new double[count];
      for (int o = 0; o < out; o++) {
        for (int i = 0; i < in; i++) {
          for (int tap = 0; tap < taps; tap++) {
            int at = (o * stride + i) * taps + tap;
            want[(o * taps + tap) * packedIn + i] = weight[at];
            before[at] = weight[at];
          }
        }
      }
      assertClose(want, get(packed, dtype, count), tolerance(dtype), "packed");
      assertClose(before, get(back, HS_F32, before.length), tolerance(dtype), "unpacked");
      assertThrows(
          KernelException.class,
          () ->
              call(
                      Kernel.FILTER_PACK,
                      "weight stride in out taps packed packed_in packed_out dtype")
                  .with(back, stride, in, out, taps, packed, in - 1, packedOut, dtype));
    }
  }
}
