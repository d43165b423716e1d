package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.QuantizedConvolution;
import org.halfstep.device.Window;

/** A convolution of bytes; its output is an activation. */
final class QuantizedConvolutionOp extends Op {
  private final Value x;
  private final Quantizer quantizer;
  private final Parameter weight;
  private final Parameter weightScale;
  private final Parameter bias;
  private final Window window;
  private final Value residual;

  /**
   * @param bias null for none
   * @param residual null for none
   */
  QuantizedConvolutionOp(
      String label,
      Value x,
      Quantizer quantizer,
      Parameter weight,
      Parameter weightScale,
      Parameter bias,
      Window window,
      Value residual) {
    super(label, residual == null ? List.of(x) : List.of(x, residual));
    this.x = x;
    this.quantizer = quantizer;
    this.weight = weight;
    this.weightScale = weightScale;
    this.bias = bias;
    this.window = window;
    this.residual = residual;
    if (x.storage() != Value.Storage.BYTES) {
      throw new IllegalArgumentException("an int8 convolution reads bytes, which " + x + " is not");
    }
    if (weight.shape().get(1) != x.shape().channels()) {
      throw new IllegalArgumentException(weight + " does not take the channels of " + x);
    }
    if (weightScale.size() != weight.shape().getFirst()) {
      throw new IllegalArgumentException(
          weightScale + " is not one scale per channel of " + weight);
    }
    if (residual != null && !residual.shape().equals(outputShape())) {
      throw new IllegalArgumentException(
          "residual " + residual + " does not fit output " + outputShape());
    }
  }

  /** Its weight, which is packed into bytes. */
  Parameter weight() {
    return weight;
  }

  /** It reads bytes and writes what it makes of them. */
  @Override
  Value.Storage outputStorage() {
    return Value.Storage.ACTIVATION;
  }

  @Override
  Shape outputShape() {
    return new Shape(
        window.outputHeight(x.shape().height()),
        window.outputWidth(x.shape().width()),
        weight.shape().getFirst());
  }

  @Override
  Binding bind(PlanBuilder plan) {
    Quantizer.requireInference(plan);
    Shape in = x.shape();
    QuantizedConvolution convolution =
        plan.operations()
            .quantizedConvolution(
                new ConvolutionShape(
                    plan.batch(),
                    in.height(),
                    in.width(),
                    in.channels(),
                    outputShape().channels(),
                    window,
                    in.channels(),
                    0),
                plan.type(output()));
    return new Bound(plan, convolution);
  }

  private final class Bound implements Binding {
    private final PlanBuilder plan;
    private final QuantizedConvolution convolution;

    Bound(PlanBuilder plan, QuantizedConvolution convolution) {
      this.plan = plan;
      this.convolution = convolution;
    }

    @Override
    public void forward() {
      Buffer packed = plan.sharesPacks() ? null : ownPack();
      Buffer in = plan.buffer(x);
      Buffer y = plan.buffer(output());
      Buffer scratch = plan.transientBuffer(label() + " scratch", convolution.scratchBytes());
      Buffer added = residual == null ? null : plan.buffer(residual);
      // A plan's memory starts as zeros, and nothing else writes what is persistent.
      Buffer zeros =
          bias == null
              ? plan.persistentBuffer(label() + " no bias", 4L * output().shape().channels())
              : null;
      List<Buffer> uses = new ArrayList<>(List.of(in, y, scratch));
      if (packed != null) {
        uses.add(packed);
      }
      if (added != null) {
        uses.add(added);
      }
      if (zeros != null) {
        uses.add(zeros);
      }
      plan.step(
          info(),
          uses,
          () ->
              convolution.forward(
                  in.address(),
                  packed == null ? sharedPack(scratch) : packed.address(),
                  plan.weight(quantizer.scale()),
                  plan.weight(weightScale),
                  zeros == null ? plan.weight(bias) : zeros.address(),
                  added == null ? 0 : added.address(),
                  y.address(),
                  scratch.address()));
    }

    private Buffer ownPack() {
      Buffer packed = plan.persistentBuffer(label() + " packed", convolution.packedBytes());
      Buffer packing = plan.transientBuffer(label() + " packing", convolution.scratchBytes());
      plan.prepare(
          StepInfo.memory(label() + " packed", "pack weights", 5 * convolution.packedBytes()),
          List.of(packed, packing),
          () ->
              convolution.pack(
                  plan.weight(weight),
                  plan.weight(quantizer.zeroPoint()),
                  packed.address(),
                  packing.address()));
      return packed;
    }

    /** The network's pack; a plan is not running while it is bound, so its scratch is free. */
    private long sharedPack(Buffer scratch) {
      return plan.shared(
          weight,
          convolution.packedLayout(),
          convolution.packedBytes(),
          (stored, to) ->
              convolution
                  .pack(stored, plan.weight(quantizer.zeroPoint()), to, scratch.address())
                  .run());
    }

    private StepInfo info() {
      long bytes =
          plan.bytes(x) + plan.bytes(output()) + (residual == null ? 0 : plan.bytes(residual));
      return new StepInfo(
          label(), "int8 conv" + window.height() + " forward", convolution.shape().flops(), bytes);
    }

    @Override
    public void backward() {
      throw new IllegalStateException(label() + " has no backward pass");
    }
  }
}
