package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;

/**
 * A convolution or linear layer with what comes before and after its sums: a normalisation in
 * front, bias, residual and activation behind. How much of that is one operation is for the device
 * to say; {@link ConvolutionSteps} emits the rest.
 */
final class ConvolutionOp extends Op {
  private final Value x;
  private final Prologue prologue;
  private final Parameter weight;
  private final Parameter bias;
  private final Window window;
  private final Value residual;
  private final Activation activation;
  private final Value sums;

  /**
   * @param graph whose op this is to be: in training, what an activation reads has memory of its
   *     own
   * @param x what the sums read; the end of the prologue where there is one
   * @param prologue null for none
   * @param bias null for none
   * @param residual null for none
   */
  ConvolutionOp(
      Graph graph,
      String label,
      Value x,
      Prologue prologue,
      Parameter weight,
      Parameter bias,
      Window window,
      Value residual,
      Activation activation) {
    super(label, inputs(x, prologue, residual));
    this.x = x;
    this.prologue = prologue;
    this.weight = weight;
    this.bias = bias;
    this.window = window;
    this.residual = residual;
    this.activation = activation;
    this.sums =
        activation == Activation.NONE
            ? null
            : graph.between(label + " sums", outputShape(x, weight, window), x.storage());
    if (weight.shape().get(1) != x.shape().channels()) {
      throw new IllegalArgumentException(weight + " does not take the channels of " + x);
    }
    if (residual != null && !residual.shape().equals(outputShape())) {
      throw new IllegalArgumentException(
          "residual " + residual + " does not fit output " + outputShape());
    }
  }

  private static List<Value> inputs(Value x, Prologue prologue, Value residual) {
    List<Value> inputs = new ArrayList<>(prologue == null ? List.of(x) : prologue.norm().inputs());
    if (residual != null) {
      inputs.add(residual);
    }
    return inputs;
  }

  /** What the sums read. */
  Value x() {
    return x;
  }

  Prologue prologue() {
    return prologue;
  }

  Parameter weight() {
    return weight;
  }

  Parameter bias() {
    return bias;
  }

  Window window() {
    return window;
  }

  Value residual() {
    return residual;
  }

  Activation activation() {
    return activation;
  }

  /** What a plan's sums are written to: the output, or what an activation makes it of. */
  Value sums(PlanBuilder plan) {
    return plan.training() && activation != Activation.NONE ? sums : output();
  }

  @Override
  Shape outputShape() {
    return outputShape(x, weight, window);
  }

  static Shape outputShape(Value x, Parameter weight, Window window) {
    return new Shape(
        window.outputHeight(x.shape().height()),
        window.outputWidth(x.shape().width()),
        weight.shape().getFirst());
  }

  @Override
  Value.Storage outputStorage() {
    return x.storage();
  }

  @Override
  boolean hasParameters() {
    return true;
  }

  @Override
  boolean draws() {
    return prologue != null && prologue.dropout() != null;
  }

  @Override
  List<Value> normalised() {
    return prologue == null ? List.of() : prologue.norm().x().sources();
  }

  @Override
  List<Value> between() {
    List<Value> between = new ArrayList<>();
    if (prologue != null) {
      between.addAll(List.of(prologue.normalised(), prologue.dropped()));
    }
    if (sums != null) {
      between.add(sums);
    }
    return between;
  }

  /** What a profile sums up. */
  String kind() {
    if (!window.isSquare()) {
      return "conv" + window.height() + "x" + window.width();
    }
    return outputShape().pixels() == 1 && window.taps() == 1 ? "linear" : "conv" + window.height();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    return new ConvolutionSteps(this, plan);
  }
}
