package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.Launch;

/**
 * The steps of a group normalisation in one plan, as an op of its own or in front of a convolution.
 * Where the convolution normalises what it reads, only the statistics and the factors that follow
 * from them are left to do ({@link #table}); they come from the moments of the sources, which a
 * convolution may have left beside its output.
 */
final class GroupNormSteps {
  private final PlanBuilder plan;
  private final GroupNorm norm;
  private final Value normalised;
  private final Quantizer quantizer;
  private final GroupNormShape shape;
  private final Value source0;
  private final Value source1;
  private final Buffer statistics;

  /**
   * @param normalised the result; it has memory only where it is stored
   * @param quantizer null for a result in the input's storage type
   */
  GroupNormSteps(PlanBuilder plan, GroupNorm norm, Value normalised, Quantizer quantizer) {
    this.plan = plan;
    this.norm = norm;
    this.normalised = normalised;
    this.quantizer = quantizer;
    this.source0 = norm.x().sources().getFirst();
    this.source1 = norm.x().isConcatenation() ? norm.x().sources().get(1) : null;
    this.shape =
        new GroupNormShape(
            plan.batch(),
            norm.x().shape().pixels(),
            source0.shape().channels(),
            source1 == null ? 0 : source1.shape().channels(),
            norm.groups(),
            norm.eps(),
            norm.activation(),
            plan.type(source0));
    this.statistics = plan.transientBuffer(norm.name() + " statistics", shape.statisticsBytes());
  }

  /** The sources as they lie, and the factors by which a convolution normalises them. */
  Buffer table() {
    for (Value source : norm.x().sources()) {
      if (!plan.has(Companion.MOMENTS, source)) {
        takeMoments(source);
      }
    }
    return fillTable();
  }

  /** Stores the normalised image. */
  void normalise() {
    boolean haveMoments =
        norm.x().sources().stream().allMatch(source -> plan.has(Companion.MOMENTS, source));
    if (quantizer == null && haveMoments) {
      applyTable(fillTable());
    } else {
      normaliseInOne();
    }
  }

  private void takeMoments(Value source) {
    Buffer from = plan.buffer(source);
    Buffer moments = plan.moments(source);
    plan.step(
        StepInfo.memory(norm.name() + " moments", "channel moments", plan.bytes(source)),
        List.of(from, moments),
        () ->
            plan.operations()
                .channelMoments(
                    from.address(),
                    moments.address(),
                    plan.batch(),
                    source.shape().pixels(),
                    source.shape().channels(),
                    plan.type(source)));
  }

  /** Statistics and factors from the moments of the sources. */
  private Buffer fillTable() {
    Buffer table = plan.companion(Companion.TABLE, normalised, shape.tableBytes());
    Buffer moments0 = plan.moments(source0);
    Buffer moments1 = source1 == null ? null : plan.moments(source1);
    List<Buffer> uses = new ArrayList<>(List.of(table, moments0, statistics));
    if (moments1 != null) {
      uses.add(moments1);
    }
    if (norm.modulation() != null) {
      uses.add(plan.buffer(norm.modulation().vector()));
    }
    plan.step(
        StepInfo.memory(norm.name() + " table", "group norm table", table.bytes()),
        uses,
        () ->
            plan.operations()
                .groupNormTable(
                    shape,
                    parameters(),
                    moments0.address(),
                    moments1 == null ? 0 : moments1.address(),
                    table.address()));
    return table;
  }

  private void applyTable(Buffer table) {
    Buffer y = plan.buffer(normalised);
    List<Buffer> uses = inputs();
    uses.addAll(List.of(y, table));
    plan.step(
        StepInfo.memory(norm.name(), "group norm apply", 2 * plan.bytes(normalised)),
        uses,
        () -> plan.operations().groupNormApply(shape, memory(y.address(), 0), table.address()));
  }

  private void normaliseInOne() {
    Buffer y = plan.buffer(normalised);
    Buffer workspace =
        plan.transientBuffer(
            norm.name() + " workspace", plan.operations().groupNormWorkspaceBytes(shape, false));
    List<Buffer> uses = inputs();
    uses.addAll(List.of(y, workspace));
    plan.step(
        StepInfo.memory(
            norm.name(),
            "group norm forward",
            plan.bytes(source0)
                + (source1 == null ? 0 : plan.bytes(source1))
                + plan.bytes(normalised)),
        uses,
        () -> forward(memory(y.address(), workspace.address())));
  }

  private Launch forward(GroupNormShape.Memory memory) {
    return quantizer == null
        ? plan.operations().groupNormForward(shape, memory)
        : plan.operations()
            .groupNormQuantize(
                shape, memory, plan.weight(quantizer.scale()), plan.weight(quantizer.zeroPoint()));
  }

  void backward() {
    Buffer dy = plan.gradient(normalised);
    boolean need0 = plan.needsGradient(source0);
    boolean need1 = source1 != null && plan.needsGradient(source1);
    // The kernel always writes both input gradients: unwanted ones go to memory nobody reads.
    boolean accumulate0 = need0 && plan.claimGradient(source0);
    boolean accumulate1 = need1 && plan.claimGradient(source1);
    Buffer dx0 = need0 ? plan.gradient(source0) : unwanted(source0);
    Buffer dx1 = source1 == null ? null : need1 ? plan.gradient(source1) : unwanted(source1);
    Buffer workspace =
        plan.transientBuffer(
            norm.name() + " workspace", plan.operations().groupNormWorkspaceBytes(shape, true));
    List<Buffer> uses = inputs();
    uses.addAll(List.of(dy, dx0, workspace));
    if (dx1 != null) {
      uses.add(dx1);
    }
    Buffer dmodulation = null;
    if (norm.modulation() != null) {
      plan.claimSlice(norm.modulation());
      dmodulation = plan.gradient(norm.modulation().vector());
      uses.add(dmodulation);
    }
    Buffer dm = dmodulation;
    plan.step(
        StepInfo.memory(norm.name(), "group norm backward", 3 * plan.bytes(normalised)),
        uses,
        () ->
            plan.operations()
                .groupNormBackward(
                    shape,
                    memory(0, workspace.address()),
                    new GroupNormShape.Gradients(
                        dy.address(),
                        dx0.address(),
                        accumulate0,
                        dx1 == null ? 0 : dx1.address(),
                        accumulate1,
                        plan.weightGradient(norm.weight()),
                        plan.weightGradient(norm.bias()),
                        dm == null ? 0 : sliceAddress(dm),
                        modulationStride(),
                        workspace.address())));
  }

  private Buffer unwanted(Value source) {
    return plan.transientBuffer("unwanted d " + source.name(), plan.bytes(source));
  }

  private List<Buffer> inputs() {
    List<Buffer> uses = new ArrayList<>();
    uses.add(plan.buffer(source0));
    if (source1 != null) {
      uses.add(plan.buffer(source1));
    }
    if (norm.modulation() != null) {
      uses.add(plan.buffer(norm.modulation().vector()));
    }
    uses.add(statistics);
    return uses;
  }

  private GroupNormShape.Memory memory(long y, long workspace) {
    return memory(
        plan.buffer(source0).address(),
        source1 == null ? 0 : plan.buffer(source1).address(),
        y,
        workspace);
  }

  /** Without the images, which may lie nowhere any more. */
  private GroupNormShape.Memory parameters() {
    return memory(0, 0, 0, 0);
  }

  private GroupNormShape.Memory memory(long x0, long x1, long y, long workspace) {
    return new GroupNormShape.Memory(
        x0,
        x1,
        plan.weight(norm.weight()),
        plan.weight(norm.bias()),
        norm.modulation() == null ? 0 : sliceAddress(plan.buffer(norm.modulation().vector())),
        modulationStride(),
        y,
        statistics.address(),
        workspace);
  }

  private long sliceAddress(Buffer buffer) {
    return buffer.address() + (long) Float.BYTES * norm.modulation().offset();
  }

  private long modulationStride() {
    return norm.modulation() == null ? 0 : norm.modulation().vector().shape().channels();
  }
}
