package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("restricted") // memory is looked at by its address
class SystemMemoryTest {
  @ParameterizedTest
  @ValueSource(longs = {1, 4096, 4097, (2 << 20) - 1, 2 << 20, (9 << 20) + 12345})
  void isAlignedAndZeroed(long bytes) throws IOException {
    long address = SystemMemory.allocate(bytes);
    try {
      assertEquals(0, address % SystemMemory.LARGE_PAGE);
      assertTrue(isMapped(address));
      assertTrue(isMapped(address + bytes - 1));
      MemorySegment memory = MemorySegment.ofAddress(address).reinterpret(bytes);
      for (long at = 0; at < bytes; at += 509) {
        assertEquals(0, memory.get(ValueLayout.JAVA_BYTE, at));
      }
      memory.fill((byte) 1);
      assertEquals(1, memory.get(ValueLayout.JAVA_BYTE, bytes - 1));
    } finally {
      SystemMemory.release(address, bytes);
    }
  }

  @Test
  void isGivenBack() throws IOException {
    long before = addressSpaceKibibytes();
    for (int i = 0; i < 1000; i++) {
      long bytes = (256 << 20) + 123;
      SystemMemory.release(SystemMemory.allocate(bytes), bytes);
    }
    assertTrue(addressSpaceKibibytes() - before < 16 << 20, "16 GiB of 250 were kept");
  }

  private static long addressSpaceKibibytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmSize:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
        .findFirst()
        .orElseThrow();
  }

  private static boolean isMapped(long address) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .map(line -> line.substring(0, line.indexOf(' ')).split("-"))
        .anyMatch(
            range ->
                Long.compareUnsigned(Long.parseUnsignedLong(range[0], 16), address) <= 0
                    && Long.compareUnsigned(address, Long.parseUnsignedLong(range[1], 16)) < 0);
  }

  @Test
  void tooMuchIsRefused() {
    assertEquals(0, SystemMemory.allocate(1L << 60));
    assertThrows(IllegalArgumentException.class, () -> SystemMemory.allocate(0));
    assertThrows(IllegalArgumentException.class, () -> SystemMemory.allocate(Long.MAX_VALUE));
  }
}
