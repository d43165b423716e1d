package org.halfstep.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tensors that are large enough to be read by several threads. */
class TensorViewTest {
  private static final int COUNT = 2_500_007;
  private static final short INFINITY = 0x7c00;

  /** Numbers that differ from place to place, finite in every type. */
  private static TensorView tensor(Arena arena, Dtype type) {
    MemorySegment data = arena.allocate((long) COUNT * type.bytes(), 8);
    for (int i = 0; i < COUNT; i++) {
      switch (type) {
        case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, i * 0.5f);
        case F64 -> data.setAtIndex(ValueLayout.JAVA_DOUBLE, i, i * 0.25);
        case I8 -> data.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31));
        default -> data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (i * 31 % 0x7000));
      }
    }
    return new TensorView("x", type, new long[] {COUNT}, data);
  }

  @ParameterizedTest
  @EnumSource(
      value = Dtype.class,
      names = {"F32", "F64", "F16", "BF16", "I8"})
  void everyNumberIsWidenedToItsPlace(Dtype type) {
    try (Arena shared = Arena.ofShared();
        Arena confined = Arena.ofConfined()) {
      TensorView tensor = tensor(shared, type);
      float[] expected = new float[COUNT];
      for (int i = 0; i < COUNT; i++) {
        expected[i] = type == Dtype.I8 ? (byte) (i * 31) : tensor.floatAt(i);
      }
      for (Arena arena : new Arena[] {shared, confined}) {
        MemorySegment to = arena.allocate(Float.BYTES * (COUNT + 2L), Float.BYTES);
        tensor.copyFloats(to, Float.BYTES);
        assertEquals(0, to.getAtIndex(ValueLayout.JAVA_FLOAT, 0));
        assertEquals(0, to.getAtIndex(ValueLayout.JAVA_FLOAT, COUNT + 1));
        MemorySegment numbers = to.asSlice(Float.BYTES, (long) Float.BYTES * COUNT);
        assertArrayEquals(expected, numbers.toArray(ValueLayout.JAVA_FLOAT));
      }
    }
  }

  @Test
  void aByteIsFoundWhereverItIs() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = arena.allocate(COUNT);
      TensorView tensor = new TensorView("x", Dtype.I8, new long[] {COUNT}, data);
      assertFalse(tensor.holds((byte) -128));
      for (int at : new int[] {COUNT - 1, 1 << 20, 4096, 0}) {
        data.set(ValueLayout.JAVA_BYTE, at, (byte) -128);
        assertTrue(tensor.holds((byte) -128));
        data.set(ValueLayout.JAVA_BYTE, at, (byte) 127);
      }
    }
  }

  @Test
  void theFirstOfSeveralInfinitiesIsFound() {
    try (Arena arena = Arena.ofShared()) {
      TensorView tensor = tensor(arena, Dtype.F16);
      assertEquals(-1, tensor.firstNotFinite());
      for (int at : new int[] {COUNT - 1, 2_100_000, 1 << 20, (1 << 20) - 1, 0}) {
        tensor.data().setAtIndex(ValueLayout.JAVA_SHORT, at, INFINITY);
        assertEquals(at, tensor.firstNotFinite());
      }
    }
  }
}
