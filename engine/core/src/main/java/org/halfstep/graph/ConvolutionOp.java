package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.FusedConvolution;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;

/**
 * A convolution or linear layer with bias, an optional residual and an optional ReLU. A 1x1
 * convolution of a concatenation reads both sources in place where the device can; elsewhere, and
 * for the gradients of the sources, it is one convolution per source, each with its own range of
 * the weight's input channels. So nothing is copied together.
 */
final class ConvolutionOp extends Op {
  private final Value x;
  private final Parameter weight;
  private final Parameter bias;
  private final Window window;
  private final boolean relu;
  private final Value residual;

  /** The normalisation that this applies to what it reads, where the device allows it. */
  private final GroupNormOp norm;

  ConvolutionOp(
      String label,
      Value x,
      Parameter weight,
      Parameter bias,
      Window window,
      boolean relu,
      Value residual) {
    this(label, x, weight, bias, window, relu, residual, null);
  }

  private ConvolutionOp(
      String label,
      Value x,
      Parameter weight,
      Parameter bias,
      Window window,
      boolean relu,
      Value residual,
      GroupNormOp norm) {
    super(label, residual == null ? List.of(x) : List.of(x, residual));
    this.x = x;
    this.weight = weight;
    this.bias = bias;
    this.window = window;
    this.relu = relu;
    this.residual = residual;
    this.norm = norm;
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

  /**
   * A convolution with the normalisation before it.
   *
   * @param x what the normalisation writes, or dropout after it
   */
  static ConvolutionOp reading(
      GroupNormOp norm,
      String label,
      Value x,
      Parameter weight,
      Parameter bias,
      Window window,
      Value residual) {
    ConvolutionOp op = new ConvolutionOp(label, x, weight, bias, window, false, residual, norm);
    norm.readBy(op);
    return op;
  }

  /** Whether this op applies its normalisation itself in a plan. */
  boolean normalises(PlanBuilder plan) {
    boolean dropped = plan.training() && x != norm.output();
    boolean kept = plan.isKept(x) || plan.isKept(norm.output());
    return !dropped
        && !kept
        && plan.operations()
            .isFused(shape(plan, x, 0), norm.sources().getFirst().shape().channels(), plan.type(x));
  }

  private ConvolutionShape shape(PlanBuilder plan, Value source, int offset) {
    Shape shape = source.shape();
    return new ConvolutionShape(
        plan.batch(),
        shape.height(),
        shape.width(),
        shape.channels(),
        weight.shape().get(0),
        window,
        relu,
        x.shape().channels(),
        offset);
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

    /** One per source, unless {@link #fused} is all that is needed. */
    private final List<Convolution> parts = new ArrayList<>();

    /** Reads all sources, where the device has one that can; or null. */
    private final FusedConvolution fused;

    private final String kind;
    private final boolean normalises;

    Bound(PlanBuilder plan) {
      this.plan = plan;
      this.kind = kind();
      this.normalises = norm != null && normalises(plan);
      this.fused = fused();
      if (fused == null || x.isConcatenation() && plan.training()) {
        int offset = 0;
        for (Value source : x.sources()) {
          parts.add(convolution(source, offset));
          offset += source.shape().channels();
        }
      } else {
        parts.add(fused);
      }
    }

    private FusedConvolution fused() {
      Value first = x.sources().getFirst();
      boolean possible =
          plan.operations().isFused(shape(plan, x, 0), first.shape().channels(), plan.type(first));
      return possible ? (FusedConvolution) convolution(x, 0) : null;
    }

    private Convolution convolution(Value source, int offset) {
      return plan.operations()
          .convolution(
              shape(plan, source, offset), plan.type(x.sources().getFirst()), plan.training());
    }

    @Override
    public void forward() {
      if (fused != null) {
        forwardFused();
        return;
      }
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

    private void forwardFused() {
      Buffer y = plan.buffer(output());
      Buffer scratch = plan.transientBuffer(label() + " scratch", fused.forwardScratchBytes());
      Buffer packed = pack("packed", fused.packedForwardBytes(), fused::packForward);
      Buffer added = residual == null ? null : plan.buffer(residual);
      Buffer moments = plan.isNormalised(output()) ? plan.moments(output()) : null;
      List<Buffer> uses = inputs();
      uses.addAll(List.of(y, scratch, packed));
      if (added != null) {
        uses.add(added);
      }
      if (moments != null) {
        uses.add(moments);
      }
      plan.step(
          info("forward", fused.shape()),
          uses,
          () ->
              fused.forward(
                  input(),
                  packed.address(),
                  bias == null ? 0 : plan.weight(bias),
                  added == null ? 0 : added.address(),
                  y.address(),
                  moments == null ? 0 : moments.address(),
                  scratch.address()));
    }

    /** The buffers that a fused convolution reads. */
    private List<Buffer> inputs() {
      List<Buffer> buffers = new ArrayList<>();
      sources().forEach(source -> buffers.add(plan.buffer(source)));
      if (normalises) {
        buffers.add(plan.table(norm.output()));
      }
      return buffers;
    }

    private List<Value> sources() {
      return normalises ? norm.sources() : x.sources();
    }

    private FusedConvolution.Input input() {
      List<Value> sources = sources();
      return new FusedConvolution.Input(
          plan.buffer(sources.getFirst()).address(),
          sources.getFirst().shape().channels(),
          sources.size() == 1 ? 0 : plan.buffer(sources.get(1)).address(),
          normalises ? plan.table(norm.output()).address() : 0,
          normalises && norm.silu());
    }

    @Override
    public void backward() {
      Value y = output();
      Buffer dy = plan.gradient(y);
      if (fused != null) {
        fusedWeightGradient(dy);
      } else {
        for (int i = 0; i < parts.size(); i++) {
          weightGradient(parts.get(i), x.sources().get(i), dy, i == 0);
        }
      }
      for (int i = 0; i < parts.size(); i++) {
        dataGradient(parts.get(i), x.sources().get(i), dy);
      }
      if (residual != null) {
        plan.passGradient(y, residual, label() + " residual");
      }
    }

    private void fusedWeightGradient(Buffer dy) {
      Buffer scratch =
          plan.transientBuffer(label() + " scratch", fused.backwardWeightsScratchBytes());
      List<Buffer> uses = inputs();
      uses.addAll(List.of(dy, scratch));
      plan.step(
          info("backward weights", fused.shape()),
          uses,
          () ->
              fused.backwardWeights(
                  input(),
                  dy.address(),
                  plan.weightGradient(weight),
                  bias == null ? 0 : plan.weightGradient(bias),
                  scratch.address()));
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
