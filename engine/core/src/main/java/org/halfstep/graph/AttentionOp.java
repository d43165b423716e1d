package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.AttentionShape;

/** Self-attention on a qkv projection, softmax(q k^T / sqrt(d)) v per head. */
final class AttentionOp extends Op {
  private final Value qkv;
  private final int heads;
  private final boolean newOrder;

  AttentionOp(String label, Value qkv, int heads, boolean newOrder) {
    super(label, List.of(qkv));
    this.qkv = qkv;
    this.heads = heads;
    this.newOrder = newOrder;
    if (qkv.shape().channels() % (3 * heads) != 0) {
      throw new IllegalArgumentException(
          qkv + " does not split into q, k and v of " + heads + " heads");
    }
  }

  @Override
  Shape outputShape() {
    Shape shape = qkv.shape();
    return new Shape(shape.height(), shape.width(), shape.channels() / 3);
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new Bound(plan);
  }

  private final class Bound implements Binding {
    private final PlanBuilder plan;
    private final AttentionShape shape;
    private final Buffer logSumExp;

    Bound(PlanBuilder plan) {
      this.plan = plan;
      this.shape =
          new AttentionShape(
              plan.batch(),
              qkv.shape().pixels(),
              heads,
              outputShape().channels() / heads,
              newOrder,
              plan.type(qkv));
      this.logSumExp = plan.transientBuffer(label() + " logsumexp", shape.logSumExpBytes());
    }

    private StepInfo info(String pass, int products) {
      long flops =
          2L
              * products
              * shape.batch()
              * heads
              * shape.tokens()
              * shape.tokens()
              * shape.headChannels();
      return new StepInfo(
          label(), "attention " + pass, flops, plan.bytes(qkv) + plan.bytes(output()));
    }

    @Override
    public void forward() {
      Buffer in = plan.buffer(qkv);
      Buffer y = plan.buffer(output());
      Buffer workspace =
          plan.transientBuffer(
              label() + " workspace", plan.operations().attentionWorkspaceBytes(shape, false));
      plan.step(
          info("forward", 2),
          List.of(in, y, logSumExp, workspace),
          () ->
              plan.operations()
                  .attentionForward(
                      shape,
                      in.address(),
                      y.address(),
                      plan.training() ? logSumExp.address() : 0,
                      workspace.address()));
    }

    @Override
    public void backward() {
      Buffer in = plan.buffer(qkv);
      Buffer y = plan.buffer(output());
      Buffer dy = plan.gradient(output());
      plan.writeGradient(
          qkv,
          label(),
          target -> {
            Buffer workspace =
                plan.transientBuffer(
                    label() + " workspace", plan.operations().attentionWorkspaceBytes(shape, true));
            plan.step(
                info("backward", 5),
                List.of(in, y, logSumExp, dy, target, workspace),
                () ->
                    plan.operations()
                        .attentionBackward(
                            shape,
                            in.address(),
                            y.address(),
                            logSumExp.address(),
                            dy.address(),
                            target.address(),
                            workspace.address()));
          });
    }
  }
}
