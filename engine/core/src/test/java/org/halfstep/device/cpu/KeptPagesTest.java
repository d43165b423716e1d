package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.halfstep.bindings.SystemMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KeptPagesTest {
  private static final long PAGE = SystemMemory.LARGE_PAGE;

  private final KeptPages pages = new KeptPages();

  @AfterEach
  void close() {
    pages.close();
  }

  private static void fill(long address, long bytes, int value) {
    HostMemory.at(address, bytes).fill((byte) value);
  }

  private static boolean holds(long address, long bytes, int value) {
    MemorySegment memory = HostMemory.at(address, bytes);
    for (long at = 0; at < bytes; at += 511) {
      if (memory.get(ValueLayout.JAVA_BYTE, at) != value) {
        return false;
      }
    }
    return memory.get(ValueLayout.JAVA_BYTE, bytes - 1) == value;
  }

  @Test
  void whatIsTakenAgainIsZeroedAndWhole() {
    long first = pages.take(5 * PAGE + 12345);
    fill(first, 5 * PAGE + 12345, 1);
    pages.give(first, 5 * PAGE + 12345);
    assertEquals(5 * PAGE, pages.bytes());
    long smaller = pages.take(2 * PAGE + 4096);
    assertEquals(3 * PAGE, pages.bytes());
    assertTrue(holds(smaller, 2 * PAGE + 4096, 0));
    fill(smaller, 2 * PAGE + 4096, 2);
    long larger = pages.take(7 * PAGE + 1);
    assertEquals(0, pages.bytes());
    assertTrue(holds(larger, 7 * PAGE + 1, 0));
    fill(larger, 7 * PAGE + 1, 3);
    assertTrue(holds(smaller, 2 * PAGE + 4096, 2), "another's memory was written");
    pages.give(smaller, 2 * PAGE + 4096);
    pages.give(larger, 7 * PAGE + 1);
  }

  @Test
  void anyOrderOfSizesKeepsRangesApart() {
    Random random = new Random(5);
    List<long[]> live = new ArrayList<>();
    for (int turn = 0; turn < 300; turn++) {
      if (live.size() > 6 || !live.isEmpty() && random.nextBoolean()) {
        long[] range = live.remove(random.nextInt(live.size()));
        assertTrue(holds(range[0], range[1], (int) range[2]), "turn " + turn);
        pages.give(range[0], range[1]);
      } else {
        long bytes = 1 + random.nextLong(6 * PAGE);
        long address = pages.take(bytes);
        assertTrue(holds(address, bytes, 0), "turn " + turn);
        fill(address, bytes, turn % 100);
        live.add(new long[] {address, bytes, turn % 100});
      }
    }
    live.forEach(range -> pages.give(range[0], range[1]));
  }

  @Test
  void nothingIsKeptThatWasGivenBack() {
    long address = pages.take(3 * PAGE);
    pages.give(address, 3 * PAGE);
    pages.clear();
    assertEquals(0, pages.bytes());
    long late = pages.take(3 * PAGE);
    pages.close();
    pages.give(late, 3 * PAGE);
    assertEquals(0, pages.bytes());
  }
}
