package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.FusedConvolution;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.Launch;

/**
 * Group normalisation with modulation and SiLU fused; reads a concatenation in place. Where its
 * reader normalises, only the statistics and the factors that follow from them are left to do; they
 * come from the moments of the sources, which a fused convolution leaves beside its output.
 */
final class GroupNormOp extends Op {
  private static final float EPS = 1e-5f;

  private final Value x;
  private final Parameter weight;
  private final Parameter bias;
  private final int groups;
  private final Slice modulation;
  private final boolean silu;
  private final Quantizer quantizer;

  /** The convolution that this is part of where the device allows it; null for none. */
  private ConvolutionOp reader;

  /**
   * @param quantizer null for an output in the input's storage type
   */
  GroupNormOp(GroupNorm norm, Quantizer quantizer) {
    super(
        norm.name(),
        norm.modulation() == null
            ? List.of(norm.x())
            : List.of(norm.x(), norm.modulation().vector()));
    x = norm.x();
    weight = norm.weight();
    bias = norm.bias();
    groups = norm.groups();
    modulation = norm.modulation();
    silu = norm.silu();
    this.quantizer = quantizer;
    if (modulation != null && modulation.channels() != 2 * x.shape().channels()) {
      throw new IllegalArgumentException(
          "modulation needs a scale and a shift for each of "
              + x.shape().channels()
              + " channels, got "
              + modulation.channels());
    }
  }

  void readBy(ConvolutionOp convolution) {
    reader = convolution;
  }

  /** What is normalised. */
  List<Value> sources() {
    return x.sources();
  }

  boolean silu() {
    return silu;
  }

  @Override
  Shape outputShape() {
    return x.shape();
  }

  @Override
  Value.Storage outputStorage() {
    return quantizer == null ? x.storage() : Value.Storage.BYTES;
  }

  @Override
  boolean hasParameters() {
    return true;
  }

  @Override
  Binding bind(PlanBuilder plan) {
    if (quantizer != null) {
      Quantizer.requireInference(plan);
    }
    return new Bound(plan);
  }

  private final class Bound implements Binding {
    private final PlanBuilder plan;
    private final GroupNormShape shape;
    private final Value source0 = x.sources().getFirst();
    private final Value source1 = x.sources().size() > 1 ? x.sources().get(1) : null;
    private final Buffer statistics;

    Bound(PlanBuilder plan) {
      this.plan = plan;
      this.shape =
          new GroupNormShape(
              plan.batch(),
              x.shape().pixels(),
              source0.shape().channels(),
              source1 == null ? 0 : source1.shape().channels(),
              groups,
              EPS,
              silu,
              plan.type(source0));
      this.statistics = plan.transientBuffer(label() + " statistics", shape.statisticsBytes());
    }

    @Override
    public void forward() {
      if (reader != null && reader.normalises(plan)) {
        for (Value source : x.sources()) {
          if (!plan.hasMoments(source)) {
            takeMoments(source);
          }
        }
        fillTable();
      } else if (quantizer == null && x.sources().stream().allMatch(plan::hasMoments)) {
        applyTable(fillTable());
      } else {
        normalise();
      }
    }

    private void takeMoments(Value source) {
      Buffer from = plan.buffer(source);
      Buffer moments = plan.moments(source);
      plan.step(
          StepInfo.memory(label() + " moments", "channel moments", plan.bytes(source)),
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
      Buffer table = plan.table(output(), FusedConvolution.tableBytes(shape));
      Buffer moments0 = plan.moments(source0);
      Buffer moments1 = source1 == null ? null : plan.moments(source1);
      List<Buffer> uses = new ArrayList<>(List.of(table, moments0, statistics));
      if (moments1 != null) {
        uses.add(moments1);
      }
      if (modulation != null) {
        uses.add(plan.buffer(modulation.vector()));
      }
      plan.step(
          StepInfo.memory(label() + " table", "group norm table", table.bytes()),
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
      Buffer y = plan.buffer(output());
      List<Buffer> uses = inputs();
      uses.addAll(List.of(y, table));
      plan.step(
          StepInfo.memory(label(), "group norm apply", 2 * plan.bytes(output())),
          uses,
          () -> plan.operations().groupNormApply(shape, memory(y.address(), 0), table.address()));
    }

    private void normalise() {
      Buffer y = plan.buffer(output());
      Buffer workspace =
          plan.transientBuffer(
              label() + " workspace", plan.operations().groupNormWorkspaceBytes(shape, false));
      List<Buffer> uses = inputs();
      uses.addAll(List.of(y, workspace));
      plan.step(
          StepInfo.memory(
              label(),
              "group norm forward",
              plan.bytes(source0)
                  + (source1 == null ? 0 : plan.bytes(source1))
                  + plan.bytes(output())),
          uses,
          () -> forward(memory(y.address(), workspace.address())));
    }

    private Launch forward(GroupNormShape.Memory memory) {
      return quantizer == null
          ? plan.operations().groupNormForward(shape, memory)
          : plan.operations()
              .groupNormQuantize(
                  shape,
                  memory,
                  plan.weight(quantizer.scale()),
                  plan.weight(quantizer.zeroPoint()));
    }

    @Override
    public void backward() {
      Buffer dy = plan.gradient(output());
      boolean need0 = plan.needsGradient(source0);
      boolean need1 = source1 != null && plan.needsGradient(source1);
      // The kernel always writes both input gradients: unwanted ones go to memory nobody reads.
      boolean accumulate0 = need0 && plan.claimGradient(source0);
      boolean accumulate1 = need1 && plan.claimGradient(source1);
      Buffer dx0 = need0 ? plan.gradient(source0) : unwanted(source0);
      Buffer dx1 = source1 == null ? null : need1 ? plan.gradient(source1) : unwanted(source1);
      Buffer workspace =
          plan.transientBuffer(
              label() + " workspace", plan.operations().groupNormWorkspaceBytes(shape, true));
      List<Buffer> uses = inputs();
      uses.addAll(List.of(dy, dx0, workspace));
      if (dx1 != null) {
        uses.add(dx1);
      }
      Buffer dmodulation = null;
      if (modulation != null) {
        plan.claimSlice(modulation);
        dmodulation = plan.gradient(modulation.vector());
        uses.add(dmodulation);
      }
      Buffer dm = dmodulation;
      plan.step(
          StepInfo.memory(label(), "group norm backward", 3 * plan.bytes(output())),
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
                          plan.weightGradient(weight),
                          plan.weightGradient(bias),
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
      if (modulation != null) {
        uses.add(plan.buffer(modulation.vector()));
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
          plan.weight(weight),
          plan.weight(bias),
          modulation == null ? 0 : sliceAddress(plan.buffer(modulation.vector())),
          modulationStride(),
          y,
          statistics.address(),
          workspace);
    }

    private long sliceAddress(Buffer buffer) {
      return buffer.address() + (long) Float.BYTES * modulation.offset();
    }

    private long modulationStride() {
      return modulation == null ? 0 : modulation.vector().shape().channels();
    }
  }
}
