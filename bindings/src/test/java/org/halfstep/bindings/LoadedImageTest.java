package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class LoadedImageTest {
  private static final int MEBIBYTE = 1 << 20;

  @Test
  void theTablesOfOneDnnAreGivenBackAndTheLibraryWorks() throws Throwable {
    MemorySegment function = NativeLibrary.ONEDNN.address("dnnl_version");
    OneDnn.dnnl_version();
    long given = LoadedImage.giveBackTables(function);
    assertTrue(given > 8 * MEBIBYTE, given + " bytes");
    long resident = residentTables(function);
    assertTrue(resident < given / 4, resident + " of " + given + " bytes are resident");
    // The loader looks into the tables for a name that nobody asked for before.
    assertTrue(NativeLibrary.ONEDNN.load().find("dnnl_set_verbose").isPresent());
    assertTrue(NativeLibrary.ONEDNN.load().find("dnnl_no_such_function").isEmpty());
    int status =
        (int)
            NativeLibrary.ONEDNN
                .function(
                    "dnnl_set_verbose",
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT))
                .invokeExact(0);
    assertEquals(OneDnn.dnnl_success, status);
  }

  @Test
  void whatIsNoFileIsLeftAlone() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(1 << 16);
      memory.fill((byte) 7);
      assertEquals(0, LoadedImage.giveBackTables(memory));
      assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, 4096));
    }
    assertEquals(0, LoadedImage.giveBackTables(MemorySegment.ofAddress(16)));
  }

  /** Resident bytes of the range at the beginning of the file that has a function. */
  private static long residentTables(MemorySegment function) throws IOException {
    String file = null;
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      String[] ends = line.substring(0, line.indexOf(' ')).split("-");
      long address = function.address();
      if (Long.compareUnsigned(Long.parseUnsignedLong(ends[0], 16), address) <= 0
          && Long.compareUnsigned(address, Long.parseUnsignedLong(ends[1], 16)) < 0) {
        file = line.split(" +")[4];
      }
    }
    boolean here = false;
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
      String[] words = line.split(" +");
      if (words.length >= 5 && words[0].contains("-")) {
        here = words[4].equals(file) && words[1].equals("r--p") && words[2].matches("0+");
      } else if (here && line.startsWith("Rss:")) {
        return Long.parseLong(words[1]) << 10;
      }
    }
    return -1;
  }
}
