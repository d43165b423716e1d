package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.Launch;

/** Group normalisation with modulation and SiLU fused; reads a concatenation in place. */
final class GroupNormOp extends Op {
  private static final float EPS = 1e-5f;

  private final Value x;
  private final Parameter weight;
  private final Parameter bias;
  private final int groups;
  private final Slice modulation;
  private final boolean silu;
  private final Quantizer quantizer;

  /**
   * @param quantizer null for an output in the input's storage type
   */
  GroupNormOp(
      String label,
      Value x,
      Parameter weight,
      Parameter bias,
      int groups,
      Slice modulation,
      boolean silu,
      Quantizer quantizer) {
    super(label, modulation == null ? List.of(x) : List.of(x, modulation.vector()));
    this.x = x;
    this.weight = weight;
    this.bias = bias;
    this.groups = groups;
    this.modulation = modulation;
    this.silu = silu;
    this.quantizer = quantizer;
    if (modulation != null && modulation.channels() != 2 * x.shape().channels()) {
      throw new IllegalArgumentException(
          "modulation needs a scale and a shift for each of "
              + x.shape().channels()
              + " channels, got "
              + modulation.channels());
    }
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
      return new GroupNormShape.Memory(
          plan.buffer(source0).address(),
          source1 == null ? 0 : plan.buffer(source1).address(),
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
