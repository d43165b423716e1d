package org.halfstep.bindings;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How a shared library lies in this process' memory, as Linux tells it.
 *
 * <p>The loader reads a library's tables of symbols and relocations once. In a library as large as
 * oneDNN's these are 15 MiB, which stay resident although hardly anything looks at them again.
 */
final class LoadedImage {
  private static final Path MAPS = Path.of("/proc/self/maps");
  private static final String READ_ONLY = "r--p";

  /**
   * One line of the maps: a range of addresses, what may be done with it, and the file behind it.
   *
   * @param file device and inode, which a file without a name has too
   */
  private record Range(long start, long end, String access, long offset, String file) {
    static Optional<Range> of(String line) {
      String[] words = line.split(" +", 6);
      String[] ends = words[0].split("-");
      // Without an inode there is no file to read again from.
      if (words.length < 5 || ends.length != 2 || words[4].equals("0")) {
        return Optional.empty();
      }
      return Optional.of(
          new Range(
              Long.parseUnsignedLong(ends[0], 16),
              Long.parseUnsignedLong(ends[1], 16),
              words[1],
              Long.parseUnsignedLong(words[2], 16),
              words[3] + " " + words[4]));
    }

    boolean has(long address) {
      return Long.compareUnsigned(start, address) <= 0 && Long.compareUnsigned(address, end) < 0;
    }
  }

  private LoadedImage() {}

  /**
   * Gives the pages of a library's tables back to the system, which reads them again from the file
   * should anybody ask. That is the range at the beginning of the file, which nothing but reading
   * is allowed in: nobody has changed it since it was mapped. Where there is no such range, or the
   * system does not tell, nothing is done.
   *
   * @param function of the library
   * @return bytes of the range; 0 when nothing was done
   */
  static long giveBackTables(MemorySegment function) {
    try {
      List<Range> ranges = new ArrayList<>();
      for (String line : Files.readAllLines(MAPS)) {
        Range.of(line).ifPresent(ranges::add);
      }
      Optional<Range> code =
          ranges.stream().filter(range -> range.has(function.address())).findFirst();
      Optional<Range> tables =
          code.flatMap(
              found ->
                  ranges.stream()
                      .filter(range -> range.file().equals(found.file()))
                      .filter(range -> range.offset() == 0 && range.access().equals(READ_ONLY))
                      .findFirst());
      if (tables.isEmpty()) {
        return 0;
      }
      long bytes = tables.get().end() - tables.get().start();
      return SystemMemory.forget(tables.get().start(), bytes) ? bytes : 0;
    } catch (IOException | NumberFormatException unknown) {
      return 0;
    }
  }
}
