package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;

/**
 * A convolution or linear layer with bias, an optional residual and an optional ReLU. A 1x1
 * convolution of a concatenation is one convolution per source, each with its own range of the
 * weight's input channels, so nothing is copied together.
 */
final class ConvolutionOp extends Op {
  private final Value x;
  private final Parameter weight;
  private final Parameter bias;
  private final Window window;
  private final boolean relu;
  private final Value residual;

  ConvolutionOp(
      String label,
      Value x,
      Parameter weight,
      Parameter bias,
      Window window,
      boolean relu,
      Value residual) {
    super(label, residual == null ? List.of(x) : List.of(x, residual));
    this.x = x;
    this.weight = weight;
    this.bias = bias;
    this.window = window;
    this.relu = relu;
    this.residual = residual;
    if (relu && x.isConcatenation()) {
      throw new IllegalArgumentException("a convolution with ReLU reads one source, got " + x);
    }
    if (weight.shape().get(1) != x.shape().channels()) {
      throw new IllegalArgumentException(weight + " does not take the channels of " + x);
    }
    if (residual != null && !residual.shape().equals(outputShape())) {
      throw new IllegalArgumentException(
          "residual " + residual + " does not fit output " + outputShape());
    }
  }

  @Override
  Shape outputShape() {
    return new Shape(
        window.outputHeight(x.shape().height()),
        window.outputWidth(x.shape().width()),
        weight.shape().get(0));
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
  Binding bind(PlanBuilder plan) {
    if (relu && plan.training()) {
      throw new IllegalArgumentException(
          label() + ": a convolution with ReLU has no backward pass; it is for inference only");
    }
    return new Bound(plan);
  }

  /** What a profile sums up. */
  private String kind() {
    if (!window.isSquare()) {
      return "conv" + window.height() + "x" + window.width();
    }
    return outputShape().pixels() == 1 && window.taps() == 1 ? "linear" : "conv" + window.height();
  }

  private final class Bound implements Binding {
    private final PlanBuilder plan;
    private final List<Convolution> parts = new ArrayList<>();
    private final String kind;

    Bound(PlanBuilder plan) {
      this.plan = plan;
      this.kind = kind();
      DataType type = plan.type(x.sources().getFirst());
      int offset = 0;
      for (Value source : x.sources()) {
        Shape shape = source.shape();
        parts.add(
            plan.operations()
                .convolution(
                    new ConvolutionShape(
                        plan.batch(),
                        shape.height(),
                        shape.width(),
                        shape.channels(),
                        weight.shape().get(0),
                        window,
                        relu,
                        x.shape().channels(),
                        offset),
                    type,
                    plan.training()));
        offset += shape.channels();
      }
    }

    @Override
    public void forward() {
      Buffer y = plan.buffer(output());
      for (int i = 0; i < parts.size(); i++) {
        Convolution part = parts.get(i);
        Buffer source = plan.buffer(x.sources().get(i));
        Buffer scratch = plan.transientBuffer(label() + " scratch", part.forwardScratchBytes());
        Buffer packed = pack("packed", part.packedForwardBytes(), part::packForward);
        boolean first = i == 0;
        Buffer added = first ? (residual == null ? null : plan.buffer(residual)) : y;
        List<Buffer> uses = new ArrayList<>(List.of(source, y, scratch));
        if (packed != null) {
          uses.add(packed);
        }
        if (added != null) {
          uses.add(added);
        }
        plan.step(
            info("forward", part.shape()),
            uses,
            () ->
                part.forward(
                    source.address(),
                    address(packed),
                    first && bias != null ? plan.weight(bias) : 0,
                    added == null ? 0 : added.address(),
                    y.address(),
                    scratch.address()));
      }
    }

    @Override
    public void backward() {
      Value y = output();
      Buffer dy = plan.gradient(y);
      for (int i = 0; i < parts.size(); i++) {
        weightGradient(parts.get(i), x.sources().get(i), dy, i == 0);
      }
      for (int i = 0; i < parts.size(); i++) {
        dataGradient(parts.get(i), x.sources().get(i), dy);
      }
      if (residual != null) {
        plan.passGradient(y, residual, label() + " residual");
      }
    }

    private void weightGradient(Convolution part, Value source, Buffer dy, boolean first) {
      Buffer input = plan.buffer(source);
      Buffer scratch =
          plan.transientBuffer(label() + " scratch", part.backwardWeightsScratchBytes());
      long packedBytes = part.packedGradientBytes();
      Buffer packed = packedBytes == 0 ? null : plan.transientBuffer(label() + " dw", packedBytes);
      List<Buffer> uses = new ArrayList<>(List.of(input, dy, scratch));
      if (packed != null) {
        uses.add(packed);
      }
      plan.step(
          info("backward weights", part.shape()),
          uses,
          () ->
              part.backwardWeights(
                  input.address(),
                  dy.address(),
                  packed == null ? plan.weightGradient(weight) : packed.address(),
                  first && bias != null ? plan.weightGradient(bias) : 0,
                  scratch.address()));
      if (packed != null) {
        plan.step(
            StepInfo.memory(label() + " unpack", "unpack gradient", 2 * packedBytes),
            List.of(packed),
            () -> part.unpackGradient(packed.address(), plan.weightGradient(weight)));
      }
    }

    private void dataGradient(Convolution part, Value source, Buffer dy) {
      plan.writeGradient(
          source,
          label(),
          target -> {
            Buffer scratch =
                plan.transientBuffer(label() + " scratch", part.backwardDataScratchBytes());
            Buffer packed = pack("packed backward", part.packedBackwardBytes(), part::packBackward);
            List<Buffer> uses = new ArrayList<>(List.of(dy, target, scratch));
            if (packed != null) {
              uses.add(packed);
            }
            plan.step(
                info("backward data", part.shape()),
                uses,
                () ->
                    part.backwardData(
                        dy.address(), address(packed), target.address(), scratch.address()));
          });
    }

    private long address(Buffer packed) {
      return packed == null ? plan.weight(weight) : packed.address();
    }

    private Buffer pack(String what, long bytes, Packing packing) {
      if (bytes == 0) {
        return null;
      }
      Buffer packed = plan.persistentBuffer(label() + " " + what, bytes);
      plan.prepare(
          StepInfo.memory(label() + " " + what, "pack weights", 2 * bytes),
          List.of(packed),
          () -> packing.bind(plan.weight(weight), packed.address()));
      return packed;
    }

    private StepInfo info(String pass, ConvolutionShape shape) {
      long elements =
          (long) shape.batch()
              * (shape.height() * shape.width() * shape.inputChannels()
                  + shape.outputHeight() * shape.outputWidth() * shape.outputChannels());
      return new StepInfo(
          label(), kind + " " + pass, shape.flops(), elements * plan.type(output()).bytes());
    }
  }

  @FunctionalInterface
  private interface Packing {
    Launch bind(long stored, long packed);
  }
}
