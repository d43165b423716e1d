package org.halfstep.graph;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.Slab;

/**
 * Weights that never change, for inference: what plans read packed lies there packed and nowhere
 * else, shared by all plans; what they read as it is stored (norms, biases, tables) is brought to
 * the device when a plan first asks for it, and stays. What the device can read where its file is
 * mapped is copied nowhere: large tables, and convolutions that are not worth packing. Thread-safe.
 */
public final class FrozenWeights implements Weights {
  /** Numbers of a table from which its rows are read where they are stored. */
  private static final long LARGE_TABLE = 1 << 16;

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
   * @param use what packed weights may take, and how often they are used
   */
  public FrozenWeights(Device device, Graph graph, ParameterSource source, WeightUse use) {
    this.device = device;
    this.graph = graph;
    this.source = source;
    this.packs = new PackedWeights(device);
    graph.parameters().values().forEach(each -> byOffset.put(each.offset(), each));
    this.budget = WeightBudget.of(device, graph, new Stored(), use);
  }

  private final class Stored implements WeightBudget.Storage {
    @Override
    public DataType type(Parameter weight) {
      return FrozenWeights.this.type(weight);
    }

    @Override
    public boolean isMapped(Parameter weight) {
      return inPlace(weight).isPresent();
    }

    @Override
    public boolean readsRows(Parameter table) {
      return FrozenWeights.this.readsRows(table);
    }
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

  /** Where the device can read a parameter's numbers without a copy; never those of a stack. */
  private Optional<MemorySegment> inPlace(Parameter parameter) {
    return device.sharesHostMemory() && parts(parameter).size() == 1
        ? source.mapped(parameter)
        : Optional.empty();
  }

  /**
   * Address of a weight where its file is mapped, in its own type.
   *
   * @throws IllegalStateException when it cannot be read there, or these weights are closed
   */
  long mapped(Parameter weight) {
    requireOpen();
    return inPlace(weight)
        .orElseThrow(() -> new IllegalStateException(weight + " cannot be read where it is stored"))
        .address();
  }

  /** Whether the rows of a table are read where they are stored. */
  boolean readsRows(Parameter table) {
    return table.size() >= LARGE_TABLE && inPlace(table).isPresent();
  }

  /**
   * Rows of a table that {@link #readsRows}, as float32.
   *
   * @param ids device address of so many numbers of rows
   * @param rows device address of where they go
   */
  Launch rows(Parameter table, long ids, int count, long rows) {
    requireOpen();
    int dimension = table.shape().getLast();
    return new MappedRows(
        table,
        inPlace(table).orElseThrow(),
        type(table),
        device.view(ids, (long) Integer.BYTES * count),
        device.view(rows, (long) Float.BYTES * count * dimension));
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
