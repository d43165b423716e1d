package org.halfstep.device.cpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * How much memory this process could still take: what the machine has free, or less where a control
 * group (a container) limits it. Linux grants more than there is and kills whoever touches it, so
 * that a plan that cannot fit has to be refused before.
 */
final class AvailableMemory {
  /**
   * Left to the Java heap, to code and to what libraries take for themselves: a container kills a
   * process whose plan fills it to the brim.
   */
  static final long RESERVED = 32L << 20;

  private static final long KIB = 1 << 10;

  private final Path root;

  /**
   * @param root of the file system with /proc and /sys, another one in tests
   */
  AvailableMemory(Path root) {
    this.root = root;
  }

  /** What tensors may take of it; empty where the system does not say. */
  OptionalLong forTensors() {
    OptionalLong all = bytes();
    return all.isPresent() ? OptionalLong.of(Math.max(0, all.getAsLong() - RESERVED)) : all;
  }

  /** Bytes; empty where the system does not say. */
  OptionalLong bytes() {
    long least = Long.MAX_VALUE;
    Long machine = table("proc/meminfo").get("MemAvailable");
    if (machine != null) {
      least = machine * KIB;
    }
    for (String line : lines("proc/self/cgroup")) {
      String[] fields = line.split(":", 3);
      if (fields.length == 3) {
        least = Math.min(least, group(fields[1], fields[2]));
      }
    }
    return least == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(Math.max(least, 0));
  }

  /** What a group and those above it leave; within a container, its own is the uppermost. */
  private long group(String controllers, String name) {
    boolean unified = controllers.isEmpty();
    if (!unified && !controllers.matches("(.*,)?memory(,.*)?")) {
      return Long.MAX_VALUE;
    }
    String top = unified ? "sys/fs/cgroup" : "sys/fs/cgroup/memory";
    long least = left(top, unified);
    String path = name;
    while (path.length() > 1) {
      least = Math.min(least, left(top + path, unified));
      path = path.substring(0, Math.max(path.lastIndexOf('/'), 0));
    }
    return least;
  }

  private long left(String folder, boolean unified) {
    long limit = number(folder + (unified ? "/memory.max" : "/memory.limit_in_bytes"));
    long used = number(folder + (unified ? "/memory.current" : "/memory.usage_in_bytes"));
    if (limit < 0 || used < 0) {
      return Long.MAX_VALUE;
    }
    // Pages of files that nobody has used for long are dropped when memory is wanted.
    Map<String, Long> statistics = table(folder + "/memory.stat");
    long dropped = statistics.getOrDefault(unified ? "inactive_file" : "total_inactive_file", 0L);
    return limit - used + Math.min(dropped, used);
  }

  /** A file of one number; -1 when it is not there or says "max". */
  private long number(String file) {
    for (String line : lines(file)) {
      if (line.matches("\\d{1,18}")) {
        return Long.parseLong(line);
      }
    }
    return -1;
  }

  /** A file of names and numbers. */
  private Map<String, Long> table(String file) {
    Map<String, Long> table = new HashMap<>();
    for (String line : lines(file)) {
      String[] words = line.split(":?\\s+");
      if (words.length >= 2 && words[1].matches("\\d{1,18}")) {
        table.put(words[0], Long.parseLong(words[1]));
      }
    }
    return table;
  }

  private Iterable<String> lines(String file) {
    try {
      return Files.readAllLines(root.resolve(file));
    } catch (IOException | SecurityException unreadable) {
      return List.of();
    }
  }
}
