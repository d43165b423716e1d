package org.halfstep.sample;

import java.util.List;
import org.halfstep.device.Slab;

/** Measures a part of a model: how long it took to open and to run, and what it holds. */
final class ComponentWatch {
  private final List<ComponentUse> uses;
  private final long bytesBefore = Slab.liveBytes();
  private final long begun = System.nanoTime();
  private long openedAt = begun;

  /**
   * @param uses takes what was measured
   */
  ComponentWatch(List<ComponentUse> uses) {
    this.uses = uses;
  }

  void opened() {
    openedAt = System.nanoTime();
  }

  void done(String name) {
    long now = System.nanoTime();
    uses.add(
        new ComponentUse(
            name,
            (openedAt - begun) / 1e9,
            (now - openedAt) / 1e9,
            Math.max(0, Slab.liveBytes() - bytesBefore)));
  }
}
