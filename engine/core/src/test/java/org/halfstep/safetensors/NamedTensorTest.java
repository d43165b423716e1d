package org.halfstep.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class NamedTensorTest {
  private static float[] throughFloat16(float... values) {
    NamedTensor half =
        NamedTensor.f16("t", new long[] {values.length}, MemorySegment.ofArray(values));
    assertEquals(Dtype.F16, half.dtype());
    return new TensorView("t", half.dtype(), half.shape(), half.data()).floats();
  }

  @Test
  void float16IsTheNearestWithTiesToEvenAndSubnormals() {
    assertArrayEquals(
        new float[] {1, 1, 1 + 0x1p-9f, -65504, 0x1p-24f, 0},
        throughFloat16(1 + 0x1p-12f, 1 + 0x1p-11f, 1 + 0x1.8p-10f, -65519, 0x1.8p-25f, 0x1p-25f));
    assertArrayEquals(
        new float[] {Float.NaN, Float.NEGATIVE_INFINITY},
        throughFloat16(Float.NaN, Float.NEGATIVE_INFINITY));
  }

  @Test
  void whatFloat16CannotHoldIsRefused() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> throughFloat16(1, 65520));
    assertEquals(
        "tensor t has 65520.0 at 1, more than float16 can hold (65504): store it as bfloat16 or"
            + " float32",
        refused.getMessage());
  }
}
