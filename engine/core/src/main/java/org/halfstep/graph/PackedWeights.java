package org.halfstep.graph;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.Slab;

/**
 * The packed forms of a network's weights on one device: each is filled once, shared by all plans
 * that read it, and freed with the last of them. Thread-safe.
 */
final class PackedWeights {
  /** Fills a pack's memory. */
  @FunctionalInterface
  interface Filling {
    void fill(long address);
  }

  /** One packed weight; closing gives back one use of it. */
  final class Pack implements AutoCloseable {
    private final String parameter;
    private final PackedLayout layout;
    private final Slab slab;
    private int uses;

    private Pack(String parameter, PackedLayout layout, Slab slab) {
      this.parameter = parameter;
      this.layout = layout;
      this.slab = slab;
    }

    long address() {
      return slab.address();
    }

    @Override
    public void close() {
      release(this);
    }
  }

  private final Device device;
  private final Map<String, List<Pack>> packs = new HashMap<>();

  PackedWeights(Device device) {
    this.device = device;
  }

  /**
   * A weight in a layout; filled if nobody has it yet.
   *
   * @param parameter name of the weight
   * @param layout closed with the pack, or at once where there is one already
   */
  synchronized Pack acquire(String parameter, PackedLayout layout, long bytes, Filling filling) {
    List<Pack> known = packs.computeIfAbsent(parameter, missing -> new ArrayList<>());
    for (Pack pack : known) {
      if (pack.layout.equals(layout)) {
        layout.close();
        pack.uses++;
        return pack;
      }
    }
    Slab slab = device.allocate("packed " + parameter, bytes);
    try {
      filling.fill(slab.address());
    } catch (RuntimeException | Error failure) {
      slab.close();
      layout.close();
      throw failure;
    }
    Pack made = new Pack(parameter, layout, slab);
    made.uses = 1;
    known.add(made);
    return made;
  }

  private synchronized void release(Pack pack) {
    if (--pack.uses == 0) {
      packs.get(pack.parameter).remove(pack);
      pack.slab.close();
      pack.layout.close();
    }
  }

  /** Bytes of all packs that are in use. */
  synchronized long bytes() {
    return packs.values().stream().flatMap(List::stream).mapToLong(pack -> pack.slab.bytes()).sum();
  }
}
