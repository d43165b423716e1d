package org.halfstep.graph;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Sequence;
import org.halfstep.device.Slab;
import org.halfstep.device.TracedLaunch;

/**
 * A graph bound to a device, a batch, a data type and a mode. Every intermediate has its place in
 * one slab; running is a sequence of bound launches and allocates nothing. Not thread-safe.
 *
 * <p>Use: fill the inputs, call {@link #prepare} after every change of the weights, {@link
 * #condition} after every change of the condition inputs, {@link #forward}, and in training fill
 * the gradient of "out" and call {@link #backward}, which overwrites all parameter gradients.
 */
public final class Plan implements AutoCloseable {
  static final String OUTPUT = "out";

  private final Device device;
  private final Graph graph;
  private final PlanOptions options;
  private final Operations operations;
  private final PlanBuilder builder;
  private final Slab slab;
  private final Launch[] prepare;
  private final Launch[] condition;
  private final Launch[] forward;
  private final Launch[] backward;
  private final Sequence recordedPrepare;
  private final Sequence recordedCondition;
  private final Sequence recordedForward;
  private final Sequence recordedBackward;
  private final List<StepInfo> conditionInfo = new ArrayList<>();
  private final List<StepInfo> forwardInfo = new ArrayList<>();
  private final List<StepInfo> backwardInfo = new ArrayList<>();
  private final List<StepInfo> prepareInfo = new ArrayList<>();

  private Plan(
      Device device, Graph graph, PlanOptions options, Weights weights, ParameterSlab gradients) {
    this.device = device;
    this.graph = graph;
    this.options = options;
    device.requirePrecision(options.type());
    requireSamePlaces(graph, weights);
    LeastMemory.require(device, graph, options);
    this.operations = device.operations();
    Slab memory = null;
    PlanBuilder made = null;
    try {
      made = new PlanBuilder(graph, operations, options, weights, gradients);
      this.builder = made;
      emit(graph, options, builder);
      MemoryLayoutPlanner layout = builder.layout();
      memory = device.allocate("plan of batch " + options.batch(), layout.bytes());
      this.slab = memory;
      layout.place(slab.address());
      this.prepare = bind(PlanBuilder.Phase.PREPARE, prepareInfo);
      this.condition = bind(PlanBuilder.Phase.CONDITION, conditionInfo);
      this.forward = bind(PlanBuilder.Phase.FORWARD, forwardInfo);
      this.backward = bind(PlanBuilder.Phase.BACKWARD, backwardInfo);
      this.recordedPrepare = operations.record(List.of(prepare));
      this.recordedCondition = operations.record(List.of(condition));
      this.recordedForward = operations.record(List.of(forward));
      this.recordedBackward = operations.record(List.of(backward));
    } catch (RuntimeException | Error failure) {
      operations.close();
      if (made != null) {
        made.releasePacks();
      }
      if (memory != null) {
        memory.close();
      }
      throw failure;
    }
  }

  /** One set of weights serves graphs of several sizes, if their parameters lie alike. */
  private static void requireSamePlaces(Graph graph, Weights weights) {
    if (weights == null || graph == weights.graph()) {
      return;
    }
    for (Parameter parameter : graph.parameters().values()) {
      Parameter known = weights.graph().parameters().get(parameter.name());
      if (known == null
          || known.offset() != parameter.offset()
          || !known.shape().equals(parameter.shape())) {
        throw new IllegalArgumentException(
            parameter
                + " of the graph is not where the weights have it: they are another network's");
      }
    }
  }

  /**
   * A plan without a backward pass.
   *
   * @param graph the weights' own, or one of another size of the same network
   */
  public static Plan inference(Device device, Graph graph, PlanOptions options, Weights weights) {
    if (options.training()) {
      throw new IllegalArgumentException("a training plan needs a slab for gradients");
    }
    return new Plan(device, graph, options, weights, null);
  }

  /** A plan with a backward pass that writes all parameter gradients. */
  public static Plan training(
      Device device,
      Graph graph,
      PlanOptions options,
      ParameterSlab weights,
      ParameterSlab gradients) {
    if (!options.training()) {
      throw new IllegalArgumentException("the options describe an inference plan");
    }
    return new Plan(device, graph, options, weights, gradients);
  }

  /**
   * Bytes of the slab that a plan of these options takes, without allocating it. An inference
   * plan's packed weights are the network's and not counted.
   *
   * @param options inference or training
   */
  public static long requiredBytes(Device device, Graph graph, PlanOptions options) {
    return layout(device, graph, options).bytes();
  }

  /** Where the buffers of a plan of these options would lie. */
  static MemoryLayoutPlanner layout(Device device, Graph graph, PlanOptions options) {
    device.requirePrecision(options.type());
    try (Operations operations = device.operations()) {
      PlanBuilder builder = new PlanBuilder(graph, operations, options, null, null);
      emit(graph, options, builder);
      return builder.layout();
    }
  }

  private static void emit(Graph graph, PlanOptions options, PlanBuilder builder) {
    for (Value input : graph.inputs()) {
      builder.pin(input);
    }
    Value output = graph.named(OUTPUT);
    List<Op> early = options.training() ? List.of() : Conditions.of(graph);
    builder.phase(PlanBuilder.Phase.CONDITION);
    early.forEach(op -> op.bind(builder).forward());
    builder.phase(PlanBuilder.Phase.FORWARD);
    List<Op.Binding> bindings = new ArrayList<>();
    for (Op op : graph.ops()) {
      if (!early.contains(op)) {
        Op.Binding binding = op.bind(builder);
        bindings.add(binding);
        binding.forward();
      }
    }
    builder.pin(output);
    for (Value kept : options.kept()) {
      builder.pin(kept);
    }
    if (!options.training()) {
      return;
    }
    builder.phase(PlanBuilder.Phase.BACKWARD);
    builder.claimGradient(output);
    builder.pinGradient(output);
    Map<Integer, RecomputedBlock> blocks = new HashMap<>();
    RecomputedBlock.of(graph, options).forEach(block -> blocks.put(block.to() - 1, block));
    for (int i = bindings.size() - 1; i >= 0; i--) {
      if (blocks.containsKey(i)) {
        runAgain(graph, blocks.get(i), builder, bindings);
      }
      Value value = graph.ops().get(i).output();
      if (builder.needsGradient(value)) {
        if (!builder.hasGradient(value)) {
          throw new IllegalStateException("no gradient reaches " + value + "; is it used?");
        }
        builder.requireWholeGradient(value);
        bindings.get(i).backward();
      }
    }
    for (Value input : options.inputGradients()) {
      builder.pinGradient(input);
    }
  }

  private static void runAgain(
      Graph graph, RecomputedBlock block, PlanBuilder builder, List<Op.Binding> bindings) {
    builder.forget(block.inner());
    for (int i = block.from(); i < block.to(); i++) {
      Op.Binding binding = graph.ops().get(i).bind(builder);
      bindings.set(i, binding);
      binding.forward();
    }
  }

  private Launch[] bind(PlanBuilder.Phase phase, List<StepInfo> info) {
    List<Launch> launches = new ArrayList<>();
    for (PlanBuilder.Step step : builder.steps()) {
      if (step.phase() == phase) {
        Launch launch = builder.bind(step);
        launches.add(
            TracedLaunch.isOn() ? new TracedLaunch(step.info().toString(), launch) : launch);
        info.add(step.info());
      }
    }
    if (phase == PlanBuilder.Phase.BACKWARD && options.training()) {
      for (Launch clearing : builder.clearUnwritten(graph)) {
        launches.add(clearing);
        info.add(StepInfo.memory("parameters that nothing reads", "clear gradient", 0));
      }
    }
    return launches.toArray(Launch[]::new);
  }

  /** Brings packed copies of the weights up to date. */
  public void prepare() {
    requireOpen();
    recordedPrepare.run();
  }

  /**
   * Computes what depends on condition inputs alone, for every {@link #forward} until they or the
   * weights change. Nothing in training, where that is a part of forward.
   */
  public void condition() {
    requireOpen();
    recordedCondition.run();
  }

  public void forward() {
    requireOpen();
    recordedForward.run();
  }

  /** Gradients of all parameters and wanted inputs from the gradient of "out". */
  public void backward() {
    requireOpen();
    requireBackward();
    recordedBackward.run();
  }

  /** What was bound to addresses would read and write memory that is not there any more. */
  private void requireOpen() {
    slab.address();
  }

  private void requireBackward() {
    if (!options.training()) {
      throw new IllegalStateException("an inference plan has no backward pass");
    }
  }

  /** What {@link #prepare} runs, as part of longer sequences. */
  public Sequence prepareSequence() {
    return recordedPrepare;
  }

  /** What {@link #condition} runs, as part of longer sequences. */
  public Sequence conditionSequence() {
    return recordedCondition;
  }

  /** What {@link #forward} runs, as part of longer sequences. */
  public Sequence forwardSequence() {
    return recordedForward;
  }

  /** What {@link #backward} runs, as part of longer sequences. */
  public Sequence backwardSequence() {
    requireBackward();
    return recordedBackward;
  }

  /**
   * Runs one phase once and adds each step's time to {@code nanoseconds}.
   *
   * @param steps which phase: {@link #prepareSteps}, {@link #conditionSteps}, {@link #forwardSteps}
   *     or {@link #backwardSteps}
   */
  public void profile(List<StepInfo> steps, long[] nanoseconds) {
    requireOpen();
    device.synchronize();
    Launch[] launches = prepare;
    if (steps == conditionInfo) {
      launches = condition;
    } else if (steps == forwardInfo) {
      launches = forward;
    } else if (steps == backwardInfo) {
      launches = backward;
    }
    for (int i = 0; i < launches.length; i++) {
      long start = System.nanoTime();
      launches[i].run();
      device.synchronize();
      nanoseconds[i] += System.nanoTime() - start;
    }
  }

  public List<StepInfo> prepareSteps() {
    return prepareInfo;
  }

  public List<StepInfo> conditionSteps() {
    return conditionInfo;
  }

  public List<StepInfo> forwardSteps() {
    return forwardInfo;
  }

  public List<StepInfo> backwardSteps() {
    return backwardInfo;
  }

  public Device device() {
    return device;
  }

  public int batch() {
    return options.batch();
  }

  public DataType type() {
    return options.type();
  }

  /** What the plan runs. */
  public Graph graph() {
    return graph;
  }

  private Value own(Value value) {
    if (value.graph() != graph) {
      throw new IllegalArgumentException(
          value + " is of another graph than this plan's: ask its ports of plan.graph()");
    }
    return value;
  }

  /** Address of an input, of the output, or of a kept value. */
  public long address(Value value) {
    return builder.buffer(own(value)).address();
  }

  /** Address of a value by its name. */
  public long address(String name) {
    return address(graph.named(name));
  }

  /** Address of the gradient of the output or of a wanted input. */
  public long gradientAddress(Value value) {
    return builder.gradient(own(value)).address();
  }

  /** Address of a gradient by the value's name. */
  public long gradientAddress(String name) {
    return gradientAddress(graph.named(name));
  }

  /** Elements of a value over the whole batch. */
  public long count(Value value) {
    return builder.count(own(value));
  }

  /** Elements of a value by its name. */
  public long count(String name) {
    return count(graph.named(name));
  }

  /**
   * Whether dropout is part of this plan, so that {@link #sampleIdsAddress} and {@link
   * #drawAddress} must be filled.
   */
  public boolean hasDropout() {
    return options.training() && graph.ops().stream().anyMatch(Op::draws);
  }

  /** Address of one int64 per sample: the identity that keys its dropout masks. */
  public long sampleIdsAddress() {
    return builder.sampleIds().address();
  }

  /** Address of one uint32: the draw of the dropout masks, changed every step. */
  public long drawAddress() {
    return builder.draw().address();
  }

  /** Bytes of the slab that holds all intermediates. */
  public long slabBytes() {
    return slab.bytes();
  }

  @Override
  public void close() {
    operations.close();
    builder.releasePacks();
    slab.close();
  }
}
