package org.halfstep.bindings;

import static org.halfstep.bindings.Struct.float32;
import static org.halfstep.bindings.Struct.float64;
import static org.halfstep.bindings.Struct.int32;
import static org.halfstep.bindings.Struct.int64;
import static org.halfstep.bindings.Struct.pointer;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/**
 * Layouts as C has them ({@code scripts/verify-bindings} asks its compiler), and fields by name.
 */
class StructTest {
  private static final Struct STRUCT =
      Struct.of(
          "example",
          int32("first"),
          int64("wide"),
          int32("flag"),
          float32("single"),
          pointer("address"),
          float64("large"),
          int32("last"));

  private static long offset(String field) {
    return STRUCT.layout().byteOffset(PathElement.groupElement(field));
  }

  @Test
  void fieldsAreAlignedAndTheEndIsPadded() {
    assertEquals(0, offset("first"));
    assertEquals(8, offset("wide"));
    assertEquals(16, offset("flag"));
    assertEquals(20, offset("single"));
    assertEquals(24, offset("address"));
    assertEquals(32, offset("large"));
    assertEquals(40, offset("last"));
    assertEquals(48, STRUCT.layout().byteSize());
    assertEquals(8, STRUCT.layout().byteAlignment());
  }

  @Test
  void fieldsAreSetByName() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct =
          STRUCT
              .select("large wide flag address single")
              .allocate(arena, 2.5, 7, true, 4096L, 1.5f);
      assertEquals(0, struct.get(ValueLayout.JAVA_INT, 0));
      assertEquals(7, struct.get(ValueLayout.JAVA_LONG, 8));
      assertEquals(1, struct.get(ValueLayout.JAVA_INT, 16));
      assertEquals(1.5f, struct.get(ValueLayout.JAVA_FLOAT, 20));
      assertEquals(4096, struct.get(ValueLayout.JAVA_LONG, 24));
      assertEquals(2.5, struct.get(ValueLayout.JAVA_DOUBLE, 32));
      assertEquals(0, struct.get(ValueLayout.JAVA_INT, 40));
      STRUCT.select("address last").set(struct, arena.allocate(8).asSlice(8, 0), -1);
      assertTrue(struct.get(ValueLayout.JAVA_LONG, 24) > 4096);
      assertEquals(-1, struct.get(ValueLayout.JAVA_INT, 40));
      STRUCT.select("address").set(struct, 0L);
      assertEquals(MemorySegment.NULL, struct.get(ValueLayout.ADDRESS, 24));
    }
  }

  @Test
  void aMistakeNamesTheFieldAndTheStruct() {
    assertEquals(
        "example has no field 'width', only [first, wide, flag, single, address, large, last]",
        refusal("width"));
    assertEquals("example: 1 values for the fields [first, last]", refusal("first last", 1));
    assertEquals("example.flag does not take 1 (java.lang.Long)", refusal("flag", 1L));
    assertEquals("example.address does not take 4 (java.lang.Integer)", refusal("address", 4));
    assertEquals("example.single does not take 1.0 (java.lang.Double)", refusal("single", 1.0));
    assertEquals("example.large does not take 1 (java.lang.Integer)", refusal("large", 1));
    assertEquals("example.wide does not take null", refusal("wide", (Object) null));
  }

  private static String refusal(String names, Object... values) {
    try (Arena arena = Arena.ofConfined()) {
      return assertThrows(
              IllegalArgumentException.class, () -> STRUCT.select(names).allocate(arena, values))
          .getMessage();
    }
  }
}
