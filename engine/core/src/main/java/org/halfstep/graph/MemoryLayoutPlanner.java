package org.halfstep.graph;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Places buffers in one slab so that two that live at the same time never overlap: largest first,
 * each at the lowest offset that is free during its whole life.
 */
final class MemoryLayoutPlanner {
  private final Map<Buffer, Long> offsets = new HashMap<>();
  private long total;

  MemoryLayoutPlanner(List<Buffer> buffers) {
    List<Buffer> order = new ArrayList<>(buffers);
    order.removeIf(buffer -> !buffer.isUsed());
    order.sort(Comparator.comparingLong(Buffer::bytes).reversed());
    List<Buffer> placed = new ArrayList<>();
    for (Buffer buffer : order) {
      List<Buffer> rivals = new ArrayList<>();
      for (Buffer other : placed) {
        if (other.overlapsInTime(buffer)) {
          rivals.add(other);
        }
      }
      rivals.sort(Comparator.comparingLong(offsets::get));
      long offset = 0;
      for (Buffer rival : rivals) {
        long start = offsets.get(rival);
        if (offset + buffer.bytes() <= start) {
          break;
        }
        offset = Math.max(offset, start + rival.bytes());
      }
      offsets.put(buffer, offset);
      placed.add(buffer);
      total = Math.max(total, offset + buffer.bytes());
    }
  }

  /** Bytes of the slab. */
  long bytes() {
    return total;
  }

  /** The largest sum of bytes that live at one time: no layout can be smaller. */
  long leastBytes() {
    TreeMap<Integer, Long> changes = new TreeMap<>();
    for (Buffer buffer : offsets.keySet()) {
      changes.merge(buffer.firstUse(), buffer.bytes(), Long::sum);
      changes.merge(buffer.lastUse() + 1, -buffer.bytes(), Long::sum);
    }
    long live = 0;
    long most = 0;
    for (long change : changes.values()) {
      live += change;
      most = Math.max(most, live);
    }
    return most;
  }

  void place(long base) {
    offsets.forEach((buffer, offset) -> buffer.place(base + offset));
  }
}
