package org.halfstep.sample;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.diffusion.History;

/**
 * Where the steps of a multistep solver keep what they predict: a step writes where there is
 * nothing that a later one reads.
 */
final class KeptPredictions {
  /** How many places there are. */
  static final int SLOTS = History.MOST + 1;

  private final int[] slots;
  private final List<List<Integer>> read = new ArrayList<>();

  KeptPredictions(PreparedSchedule schedule) {
    slots = new int[schedule.evaluations()];
    List<Integer> latestFirst = new ArrayList<>();
    for (int step = 0; step < slots.length; step++) {
      History history = schedule.step(step).history();
      int slot = 0;
      while (latestFirst.contains(slot)) {
        slot++;
      }
      slots[step] = slot;
      read.add(List.copyOf(latestFirst.subList(0, history.onPrevious().size())));
      if (history.keeps()) {
        latestFirst.addFirst(slot);
        if (latestFirst.size() > History.MOST) {
          latestFirst.removeLast();
        }
      }
    }
  }

  /** Where a step writes. */
  int slot(int step) {
    return slots[step];
  }

  /** Where what a step reads lies, the latest first. */
  List<Integer> read(int step) {
    return read.get(step);
  }
}
