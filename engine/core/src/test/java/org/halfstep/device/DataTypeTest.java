package org.halfstep.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Set;
import org.halfstep.device.cpu.CpuDevice;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DataTypeTest {
  /** Of two types of the same size only these may be read as each other: a cast is not a copy. */
  @ParameterizedTest
  @EnumSource
  void onlyFloatsAreStoredLikeAnotherType(DataType type) {
    Set<DataType> floats = Set.of(DataType.F32, DataType.TF32);
    for (DataType other : DataType.values()) {
      boolean same = type == other || floats.contains(type) && floats.contains(other);
      assertEquals(same, type.storedLike(other), type + " and " + other);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TF32", "F16", "U8", "I8", "I32"})
  void whatTheCpuDoesNotComputeInIsRefused(DataType type) {
    try (Device device = new CpuDevice(1)) {
      assertThrows(IllegalArgumentException.class, () -> device.requirePrecision(type));
    }
  }

  @Test
  void theCpuComputesInTwo() {
    try (Device device = new CpuDevice(1)) {
      device.requirePrecision(DataType.F32);
      device.requirePrecision(DataType.BF16);
    }
  }
}
