package org.halfstep.graph;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.Slab;

/**
 * Weights that never change, for inference: what plans read packed lies there packed and nowhere
 * else, shared by all plans; what they read as it is stored (norms, biases, tables) is brought to
 * the device when a plan first asks for it, and stays. Thread-safe.
 */
public final class FrozenWeights implements Weights {
  private final Device device;
  private final Graph graph;
  private final ParameterSource source;
  private final PackedWeights packs;
  private final WeightBudget budget;

  /** The graph's parameters by where they start, for stacks of them. */
  private final TreeMap<Long, Parameter> byOffset = new TreeMap<>();

  private final Map<Long, Slab> resident = new HashMap<>();
  private boolean closed;

  /**
   * @param source closed with these weights
   * @param limit bytes that packed weights may take, as far as that is possible
   */
  public FrozenWeights(Device device, Graph graph, ParameterSource source, long limit) {
    this.device = device;
    this.graph = graph;
    this.source = source;
    this.packs = new PackedWeights(device);
    graph.parameters().values().forEach(each -> byOffset.put(each.offset(), each));
    this.budget = WeightBudget.of(device, graph, this::type, limit);
  }

  @Override
  public Graph graph() {
    return graph;
  }

  @Override
  public void copy(Parameter parameter, MemorySegment destination) {
    source.copy(parameter, destination);
  }

  @Override
  public synchronized long address(Parameter parameter) {
    requireOpen();
    Slab known = resident.get(parameter.offset());
    if (known != null && known.bytes() >= Float.BYTES * parameter.size()) {
      return known.address();
    }
    Slab made = load(parameter, "weights of " + parameter.name());
    if (known != null) {
      // A stack that begins with a parameter that somebody reads alone: both stay.
      resident.put(-1L - resident.size(), known);
    }
    resident.put(parameter.offset(), made);
    return made.address();
  }

  /**
   * A weight packed in a layout, shared with every plan that wants the same.
   *
   * @param packing packs from the first address, as stored, to the second
   */
  PackedWeights.Pack packed(Parameter weight, PackedLayout layout, long bytes, Packing packing) {
    requireOpen();
    return packs.acquire(
        weight.name(),
        layout,
        bytes,
        address -> {
          try (Slab stored = load(weight, "a weight on its way")) {
            packing.pack(stored.address(), address);
            device.synchronize();
          }
        });
  }

  /** Packs a weight. */
  @FunctionalInterface
  interface Packing {
    void pack(long stored, long packed);
  }

  private Slab load(Parameter parameter, String purpose) {
    Slab slab = device.allocate(purpose, Float.BYTES * parameter.size());
    try (HostView window = device.view(slab.address(), slab.bytes())) {
      for (Parameter part : parts(parameter)) {
        source.copy(
            part,
            window
                .memory()
                .asSlice(
                    Float.BYTES * (part.offset() - parameter.offset()), Float.BYTES * part.size()));
      }
      window.push();
      device.synchronize();
    } catch (RuntimeException | Error failure) {
      slab.close();
      throw failure;
    }
    return slab;
  }

  /** How the numbers of a parameter are stored, or of a stack of them; F32 for a mixed stack. */
  private DataType type(Parameter parameter) {
    Set<DataType> types = EnumSet.noneOf(DataType.class);
    parts(parameter).forEach(part -> types.add(source.type(part)));
    return types.size() == 1 ? types.iterator().next() : DataType.F32;
  }

  /** The parameters that a stack consists of; a single one is its own. */
  private List<Parameter> parts(Parameter whole) {
    return new ArrayList<>(byOffset.subMap(whole.offset(), whole.offset() + whole.size()).values());
  }

  /** How convolutions are computed, and what that takes. */
  public WeightBudget budget() {
    return budget;
  }

  /** Bytes of the weights where they come from, by how they are stored there. */
  public Map<DataType, Long> storedBytes() {
    Map<DataType, Long> bytes = new EnumMap<>(DataType.class);
    for (Parameter parameter : graph.parameters().values()) {
      DataType type = source.type(parameter);
      bytes.merge(type, type.bytes() * parameter.size(), Long::sum);
    }
    return bytes;
  }

  /** Bytes of packed weights, of all plans together. */
  public long packedBytes() {
    return packs.bytes();
  }

  /** Bytes of weights that are read as they are stored. */
  public synchronized long residentBytes() {
    return resident.values().stream().mapToLong(Slab::bytes).sum();
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the weights are closed");
    }
  }

  /** Frees everything; plans must be closed before. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      resident.values().forEach(Slab::close);
      source.close();
    }
  }
}
