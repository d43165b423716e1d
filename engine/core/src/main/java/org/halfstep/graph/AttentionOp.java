package org.halfstep.graph;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.halfstep.device.AttentionShape;

/** Attention of queries to keys, softmax(q k^T / sqrt(d)) v per head. */
final class AttentionOp extends Op {
  private final Heads q;
  private final Heads k;
  private final Heads v;
  private final int heads;
  private final AttentionMask mask;

  AttentionOp(String label, Heads q, Heads k, Heads v, int heads, AttentionMask mask) {
    super(label, inputs(q, k, v, mask));
    this.q = q;
    this.k = k;
    this.v = v;
    this.heads = heads;
    this.mask = mask;
    if (k.width() != q.width() || v.width() != q.width() || k.tokens() != v.tokens()) {
      throw new IllegalArgumentException(
          label + ": queries " + q + ", keys " + k + " and values " + v + " do not fit");
    }
    if (k.value().storage() != q.value().storage() || v.value().storage() != q.value().storage()) {
      throw new IllegalArgumentException(label + ": queries, keys and values are not stored alike");
    }
  }

  private static List<Value> inputs(Heads q, Heads k, Heads v, AttentionMask mask) {
    List<Value> inputs = new ArrayList<>(sources(q, k, v));
    if (mask.lengths() != null) {
      inputs.add(mask.lengths());
    }
    return inputs;
  }

  private static List<Value> sources(Heads... parts) {
    return Stream.of(parts).map(Heads::value).distinct().toList();
  }

  @Override
  Shape outputShape() {
    Shape shape = q.value().shape();
    return new Shape(shape.height(), shape.width(), heads * q.width());
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Bound(plan);
  }

  private final class Bound implements Binding {
    private final PlanBuilder plan;
    private final AttentionShape shape;
    private final Buffer y;
    private final Buffer logSumExp;
    private final List<Buffer> read = new ArrayList<>();

    Bound(PlanBuilder plan) {
      this.plan = plan;
      int channels = outputShape().channels();
      AttentionShape.Rows result =
          new AttentionShape.Rows((long) q.tokens() * channels, channels, q.width());
      this.shape =
          new AttentionShape(
              plan.batch(),
              q.tokens(),
              k.tokens(),
              heads,
              q.width(),
              mask.causal(),
              mask.lengths() != null,
              new AttentionShape.Layout(q.rows(), k.rows(), v.rows(), result),
              plan.type(q.value()));
      this.y = plan.buffer(output());
      this.logSumExp = plan.transientBuffer(label() + " logsumexp", shape.logSumExpBytes());
      inputs().forEach(value -> read.add(plan.buffer(value)));
    }

    private StepInfo info(String pass, int products) {
      long pairs = (long) shape.queries() * shape.keys();
      if (mask.causal()) {
        pairs = (pairs + shape.queries()) / 2;
      }
      long flops = 2L * products * shape.batch() * heads * pairs * shape.headWidth();
      long bytes = plan.bytes(output());
      for (Value value : sources(q, k, v)) {
        bytes += plan.bytes(value);
      }
      return new StepInfo(label(), "attention " + pass, flops, bytes);
    }

    private long address(Heads part, Buffer buffer) {
      return buffer.address() + (long) part.offset() * shape.type().bytes();
    }

    private AttentionShape.Memory memory(Buffer workspace) {
      return new AttentionShape.Memory(
          address(q, plan.buffer(q.value())),
          address(k, plan.buffer(k.value())),
          address(v, plan.buffer(v.value())),
          y.address(),
          mask.lengths() == null ? 0 : plan.buffer(mask.lengths()).address(),
          plan.training() ? logSumExp.address() : 0,
          workspace == null ? 0 : workspace.address());
    }

    private Buffer workspace(boolean backward) {
      return plan.transientBuffer(
          label() + " workspace", plan.operations().attentionWorkspaceBytes(shape, backward));
    }

    private List<Buffer> uses(Buffer... more) {
      List<Buffer> uses = new ArrayList<>(read);
      uses.addAll(List.of(y, logSumExp));
      uses.addAll(List.of(more));
      return uses;
    }

    @Override
    public void forward() {
      Buffer workspace = workspace(false);
      plan.step(
          info("forward", 2),
          uses(workspace),
          () -> plan.operations().attentionForward(shape, memory(workspace)));
    }

    @Override
    public void backward() {
      write(sources(q, k, v), new HashMap<>());
    }

    /** Finds where the gradient of each value is written, then emits the step that does it. */
    private void write(List<Value> values, Map<Value, Buffer> targets) {
      if (values.isEmpty()) {
        emit(targets);
        return;
      }
      Value value = values.getFirst();
      List<Value> rest = values.subList(1, values.size());
      List<Heads> parts = Stream.of(q, k, v).filter(part -> part.value() == value).toList();
      if (!plan.needsGradient(value)) {
        targets.put(value, plan.transientBuffer(label() + " unused", plan.bytes(value)));
        write(rest, targets);
      } else if (parts.size() * heads * q.width() == value.shape().channels()) {
        plan.writeGradient(
            value,
            label(),
            target -> {
              targets.put(value, target);
              write(rest, targets);
            });
      } else {
        parts.forEach(part -> plan.claimSlice(part.slice(heads)));
        targets.put(value, plan.gradient(value));
        write(rest, targets);
      }
    }

    private void emit(Map<Value, Buffer> targets) {
      Buffer dy = plan.gradient(output());
      Buffer workspace = workspace(true);
      List<Buffer> uses = uses(dy, workspace);
      uses.addAll(targets.values());
      plan.step(
          info("backward", 5),
          uses,
          () ->
              plan.operations()
                  .attentionBackward(
                      shape,
                      memory(null),
                      new AttentionShape.Gradients(
                          dy.address(),
                          address(q, targets.get(q.value())),
                          address(k, targets.get(k.value())),
                          address(v, targets.get(v.value())),
                          workspace.address())));
    }
  }
}
