package org.halfstep.graph;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.halfstep.device.DataType;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.WeightChoice;

/**
 * Collects the steps of a plan. Ops emit steps in execution order and name the buffers that each
 * uses; addresses are known only later, so a step carries a supplier that binds it once every
 * buffer has its place.
 */
final class PlanBuilder {
  /**
   * When a step runs: after the weights changed, after the condition inputs changed, in the forward
   * pass, or in the backward pass.
   */
  enum Phase {
    PREPARE,
    CONDITION,
    FORWARD,
    BACKWARD
  }

  /**
   * @param memory where values are when it runs
   */
  record Step(Phase phase, StepInfo info, Supplier<Launch> binder, ValueBuffers memory) {}

  private final Operations operations;
  private final PlanOptions options;
  private final Weights weights;
  private final ParameterSlab gradients;
  private final List<Step> steps = new ArrayList<>();
  private final List<PackedWeights.Pack> packs = new ArrayList<>();
  private final WrittenGradients written = new WrittenGradients();
  private final List<Buffer> buffers = new ArrayList<>();
  private final List<Buffer> persistent = new ArrayList<>();
  private final Set<Buffer> conditional = new HashSet<>();
  private final Map<Object, Buffer> ownPacks = new HashMap<>();
  private final Buffer[] gradientBuffers;
  private final boolean[] gradientWritten;
  private final int[] sliceChannelsWritten;
  private final boolean[] needsGradient;
  private final boolean[] normalised;
  private final boolean[] kept;
  private ValueBuffers memory;
  private Phase phase = Phase.FORWARD;
  private Buffer sampleIds;
  private Buffer draw;

  PlanBuilder(
      Graph graph,
      Operations operations,
      PlanOptions options,
      Weights weights,
      ParameterSlab gradients) {
    this.operations = operations;
    this.options = options;
    this.weights = weights;
    this.gradients = gradients;
    int values = graph.valueCount();
    this.memory = new ValueBuffers(values);
    this.gradientBuffers = new Buffer[values];
    this.gradientWritten = new boolean[values];
    this.sliceChannelsWritten = new int[values];
    this.normalised = ValueNeeds.normalised(graph);
    this.kept = new boolean[values];
    options.kept().forEach(value -> kept[value.id()] = true);
    this.needsGradient = ValueNeeds.gradients(graph, options);
  }

  // ---- What ops ask about

  Operations operations() {
    return operations;
  }

  int batch() {
    return options.batch();
  }

  boolean training() {
    return options.training();
  }

  PlanOptions options() {
    return options;
  }

  long weight(Parameter parameter) {
    return weights.address(parameter);
  }

  /**
   * Whether packed weights belong to the network: those of weights that never change. A plan
   * without weights, made to know its size, is one of those when it is for inference.
   */
  boolean sharesPacks() {
    return weights instanceof FrozenWeights || weights == null && !training();
  }

  /** How a convolution is computed where the network decided that; null for the device's choice. */
  WeightChoice choice(Parameter weight) {
    return weights instanceof FrozenWeights frozen ? frozen.budget().choice(weight) : null;
  }

  /** Address of a weight of the network where its file is mapped. */
  long mapped(Parameter weight) {
    return ((FrozenWeights) weights).mapped(weight);
  }

  /** Rows of a table that the network reads where it is stored; null where it does not. */
  Launch rows(Parameter table, Buffer ids, int count, Buffer rows) {
    return weights instanceof FrozenWeights frozen && frozen.readsRows(table)
        ? frozen.rows(table, ids.address(), count, rows.address())
        : null;
  }

  /** A packed weight of the network, given back with the plan; asked for when a step is bound. */
  long shared(Parameter weight, PackedLayout layout, long bytes, FrozenWeights.Packing packing) {
    PackedWeights.Pack pack = ((FrozenWeights) weights).packed(weight, layout, bytes, packing);
    packs.add(pack);
    return pack.address();
  }

  /** Gives back the network's packs that this plan uses. */
  void releasePacks() {
    packs.forEach(PackedWeights.Pack::close);
    packs.clear();
  }

  /** Where a step writes a parameter's gradient, or a stack's; asked for when it is bound. */
  long weightGradient(Parameter parameter) {
    written.add(parameter);
    return gradients.address(parameter);
  }

  /** Launches that clear the gradients of parameters that no bound step writes. */
  List<Launch> clearUnwritten(Graph graph) {
    return graph.parameters().values().stream()
        .filter(parameter -> !written.contains(parameter))
        .map(
            parameter ->
                WrittenGradients.clear(operations, gradients.address(parameter), parameter))
        .toList();
  }

  DataType type(Value value) {
    return switch (value.storage()) {
      case ACTIVATION -> options.type();
      case BYTES -> DataType.U8;
      case F32 -> DataType.F32;
      case I32 -> DataType.I32;
    };
  }

  /** Elements over the whole batch. */
  long count(Value value) {
    return (long) batch() * value.shape().size();
  }

  long bytes(Value value) {
    return count(value) * type(value).bytes();
  }

  boolean needsGradient(Value value) {
    return needsGradient[value.id()];
  }

  boolean hasGradient(Value value) {
    return gradientWritten[value.id()];
  }

  // ---- Buffers

  /** Memory of a value; it lives from the first step that uses it to the last. */
  Buffer buffer(Value value) {
    if (value.isConcatenation()) {
      throw new IllegalArgumentException("concatenation " + value + " has no memory of its own");
    }
    if (memory.value(value) == null) {
      memory.put(value, transientBuffer(value.name(), bytes(value)));
    }
    return memory.value(value);
  }

  /** Makes {@code value} share the memory of {@code other}. */
  void alias(Value value, Value other) {
    memory.put(value, buffer(other));
  }

  /** Steps from here on compute some values anew, in memory of their own. */
  void forget(BitSet values) {
    memory = memory.without(values);
  }

  Buffer transientBuffer(String name, long bytes) {
    Buffer buffer = new Buffer(name, Math.max(bytes, 1));
    buffers.add(buffer);
    return buffer;
  }

  /** Memory that keeps its contents between runs. */
  Buffer persistentBuffer(String name, long bytes) {
    Buffer buffer = transientBuffer(name, bytes);
    persistent.add(buffer);
    return buffer;
  }

  /** Keeps a value's memory for the whole life of the plan. */
  void pin(Value value) {
    persistent.add(buffer(value));
  }

  void pinGradient(Value value) {
    persistent.add(gradient(value));
  }

  // ---- Companions

  /** Whether a group normalisation reads a value, so that its moments are of use. */
  boolean isNormalised(Value value) {
    return normalised[value.id()];
  }

  /** Whether a value must survive the run, so that it has to be there as such. */
  boolean isKept(Value value) {
    return kept[value.id()];
  }

  /** Whether a step before has left something beside a value. */
  boolean has(Companion companion, Value value) {
    return memory.companion(companion, value) != null;
  }

  /** Memory of what is left beside a value; taken when it is first asked for. */
  Buffer companion(Companion companion, Value value, long bytes) {
    if (memory.companion(companion, value) == null) {
      String name = value.name() + " " + companion.name().toLowerCase(Locale.ROOT);
      memory.put(companion, value, transientBuffer(name, bytes));
    }
    return memory.companion(companion, value);
  }

  /** Memory of a value's moments. */
  Buffer moments(Value value) {
    return companion(
        Companion.MOMENTS, value, GroupNormShape.momentBytes(batch(), value.shape().channels()));
  }

  Buffer sampleIds() {
    if (sampleIds == null) {
      sampleIds = persistentBuffer("sample ids", (long) Long.BYTES * batch());
    }
    return sampleIds;
  }

  Buffer draw() {
    if (draw == null) {
      draw = persistentBuffer("draw", Integer.BYTES);
    }
    return draw;
  }

  // ---- Gradients

  /** Memory of a value's gradient. */
  Buffer gradient(Value value) {
    if (gradientBuffers[value.id()] == null) {
      gradientBuffers[value.id()] = transientBuffer("d " + value.name(), bytes(value));
    }
    return gradientBuffers[value.id()];
  }

  /** Announces a contribution to a gradient; true when it must add to an earlier one. */
  boolean claimGradient(Value value) {
    boolean accumulate = gradientWritten[value.id()];
    gradientWritten[value.id()] = true;
    return accumulate;
  }

  /**
   * Announces that one slice of a vector's gradient is written; each slice has exactly one writer.
   */
  void claimSlice(Slice slice) {
    int id = slice.vector().id();
    if (gradientWritten[id] && sliceChannelsWritten[id] == 0) {
      throw new IllegalStateException("all of the gradient of " + slice.vector() + " is written");
    }
    gradientWritten[id] = true;
    sliceChannelsWritten[id] += slice.channels();
  }

  /** Fails when slices of a vector's gradient were written, but not all of it. */
  void requireWholeGradient(Value value) {
    int written = sliceChannelsWritten[value.id()];
    if (written != 0 && written != value.shape().channels()) {
      throw new IllegalStateException(
          "only "
              + written
              + " of "
              + value.shape().channels()
              + " channels of the gradient of "
              + value
              + " are written");
    }
  }

  /**
   * Passes the gradient of {@code from} on to {@code to} unchanged: by sharing memory if {@code to}
   * has none yet.
   */
  void passGradient(Value from, Value to, String label) {
    if (!needsGradient(to)) {
      return;
    }
    if (!claimGradient(to)) {
      gradientBuffers[to.id()] = gradient(from);
      return;
    }
    emitAdd(label, gradient(from), gradient(to), count(to), type(to));
  }

  /** Like {@link #passGradient}, but never shares memory. */
  void copyGradient(Value from, Value to, String label) {
    if (!needsGradient(to)) {
      return;
    }
    boolean accumulate = claimGradient(to);
    Buffer source = gradient(from);
    Buffer target = gradient(to);
    if (accumulate) {
      emitAdd(label, source, target, count(to), type(to));
    } else {
      step(
          StepInfo.memory(label, "copy", 2 * bytes(to)),
          List.of(source, target),
          () ->
              operations.convert(
                  source.address(), type(to), target.address(), type(to), count(to)));
    }
  }

  /**
   * Emits a backward step that can only overwrite: into the gradient itself, or beside it and then
   * added.
   */
  void writeGradient(Value value, String label, Consumer<Buffer> emit) {
    if (!needsGradient(value)) {
      return;
    }
    if (!claimGradient(value)) {
      emit.accept(gradient(value));
      return;
    }
    Buffer part = transientBuffer(label + " part", bytes(value));
    emit.accept(part);
    emitAdd(label, part, gradient(value), count(value), type(value));
  }

  private void emitAdd(String label, Buffer part, Buffer target, long count, DataType type) {
    step(
        StepInfo.memory(label, "add", 3 * count * type.bytes()),
        List.of(part, target),
        () -> operations.add(target.address(), part.address(), target.address(), count, type));
  }

  // ---- Steps

  void phase(Phase newPhase) {
    phase = newPhase;
  }

  /** A step of the current phase. Those of the condition come before those of the forward pass. */
  void step(StepInfo info, List<Buffer> uses, Supplier<Launch> binder) {
    add(phase, info, uses, binder);
  }

  /** A step that runs when the weights have changed. The buffers it writes must be persistent. */
  void prepare(StepInfo info, List<Buffer> uses, Supplier<Launch> binder) {
    add(Phase.PREPARE, info, uses, binder);
  }

  /**
   * A weight that this plan packs itself, once for all ops that read it so.
   *
   * @param key of the pack
   * @param packing binds what fills the memory
   */
  Buffer ownPack(Object key, String name, long bytes, Function<Buffer, Launch> packing) {
    return ownPacks.computeIfAbsent(
        key,
        _ -> {
          Buffer packed = persistentBuffer(name, bytes);
          StepInfo info = StepInfo.memory(name, "pack weights", 2 * bytes);
          add(Phase.PREPARE, info, List.of(packed), () -> packing.apply(packed));
          return packed;
        });
  }

  private void add(Phase when, StepInfo info, List<Buffer> uses, Supplier<Launch> binder) {
    for (Buffer buffer : uses) {
      buffer.useAt(steps.size());
      if (when == Phase.CONDITION) {
        conditional.add(buffer);
      } else if (when != Phase.PREPARE && conditional.remove(buffer)) {
        persistent.add(buffer); // every forward pass reads it again
      }
    }
    steps.add(new Step(when, info, binder, memory));
  }

  /** Binds a step, once every buffer has its place. */
  Launch bind(Step step) {
    memory = step.memory();
    return step.binder().get();
  }

  List<Step> steps() {
    return steps;
  }

  /** Decides where every buffer lies. */
  MemoryLayoutPlanner layout() {
    for (Buffer buffer : persistent) {
      buffer.useAt(0);
      buffer.useAt(Math.max(steps.size() - 1, 0));
    }
    return new MemoryLayoutPlanner(buffers);
  }
}
