package org.halfstep.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.halfstep.device.Activation;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionRequest.Part;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.Launch;

/**
 * The steps of a {@link ConvolutionOp} in one plan. One convolution of everything is asked for;
 * what the device does not take over of it becomes steps of their own, before it and after it.
 * Where two sources cannot be read in place, and for the gradients of the sources, there is one
 * convolution per source, each with its own range of the weight's input channels. So nothing is
 * copied together.
 */
final class ConvolutionSteps implements Op.Binding {
  private final ConvolutionOp op;
  private final PlanBuilder plan;
  private final Prologue prologue;
  private final GroupNormSteps norm;

  /**
   * What the sums are written to; an activation of its own follows where that is not the output.
   */
  private final Value sums;

  /** Whether the sums read what lies before the prologue. */
  private final boolean normalises;

  /** Reads everything; null where there is one per source. */
  private final Convolution whole;

  /** One per source of what the sums read, or the one that reads everything. */
  private final List<Convolution> parts = new ArrayList<>();

  ConvolutionSteps(ConvolutionOp op, PlanBuilder plan) {
    this.op = op;
    this.plan = plan;
    this.prologue = op.prologue();
    this.sums = op.sums(plan);
    this.norm =
        prologue == null
            ? null
            : new GroupNormSteps(plan, prologue.norm(), prologue.normalised(), null);
    Convolution taking =
        prologue != null && prologue.canBeTakenOver(plan)
            ? everything(prologue.norm().x(), true)
            : null;
    this.normalises = taking != null && taking.taken().contains(Part.PROLOGUE);
    Convolution plain = normalises ? taking : everything(op.x(), false);
    boolean reads = normalises || !op.x().isConcatenation() || plain.taken().contains(Part.SOURCES);
    this.whole = reads ? plain : null;
    if (whole == null || op.x().isConcatenation() && plan.training()) {
      int offset = 0;
      for (Value source : op.x().sources()) {
        parts.add(part(source, offset));
        offset += source.shape().channels();
      }
    } else {
      parts.add(whole);
    }
  }

  /** A convolution of all channels of what it reads. */
  private Convolution everything(Value read, boolean normalising) {
    ConvolutionRequest.Prologue before =
        normalising ? new ConvolutionRequest.Prologue(prologue.norm().activation()) : null;
    ConvolutionRequest.Epilogue after =
        new ConvolutionRequest.Epilogue(
            op.bias() != null,
            op.residual() != null,
            sums == op.output() ? op.activation() : Activation.NONE,
            plan.isNormalised(op.output()));
    return plan.operations()
        .convolution(
            new ConvolutionRequest(
                shape(op.x(), 0),
                read.sources().getFirst().shape().channels(),
                plan.type(read.sources().getFirst()),
                plan.training(),
                plan.choice(op.weight()),
                before,
                after));
  }

  private Convolution part(Value source, int offset) {
    ConvolutionRequest plain =
        ConvolutionRequest.plain(shape(source, offset), plan.type(source), plan.training());
    return plan.operations().convolution(plain);
  }

  private ConvolutionShape shape(Value source, int offset) {
    Shape shape = source.shape();
    return new ConvolutionShape(
        plan.batch(),
        shape.height(),
        shape.width(),
        shape.channels(),
        op.weight().shape().getFirst(),
        op.window(),
        op.x().shape().channels(),
        offset);
  }

  @Override
  public void forward() {
    Buffer table = null;
    if (normalises) {
      table = norm.table();
    } else if (prologue != null) {
      normalise();
    }
    boolean acts = whole != null && whole.taken().contains(Part.ACTIVATION);
    if (whole != null) {
      forwardWhole(table, acts);
    } else {
      forwardParts();
    }
    if (op.activation() != Activation.NONE && !acts) {
      ActivationOp.emit(
          plan, op.label(), op.activation(), sums, plan.buffer(sums), plan.buffer(op.output()));
    }
  }

  private void normalise() {
    norm.normalise();
    if (prologue.drops(plan)) {
      Buffer from = plan.buffer(prologue.normalised());
      Buffer to = plan.buffer(prologue.dropped());
      prologue.dropout().emit(plan, prologue.normalised(), from, to);
    } else if (prologue.dropped() != prologue.normalised()) {
      plan.alias(prologue.dropped(), prologue.normalised());
    }
  }

  private void forwardWhole(Buffer table, boolean acts) {
    Buffer y = plan.buffer(sums);
    Buffer scratch = plan.transientBuffer(op.label() + " scratch", whole.forwardScratchBytes());
    StoredOrPacked packed = packForward(whole);
    Buffer added = op.residual() == null ? null : plan.buffer(op.residual());
    boolean leaves =
        plan.isNormalised(op.output())
            && whole.taken().contains(Part.MOMENTS)
            && (acts || op.activation() == Activation.NONE);
    Buffer moments = leaves ? plan.moments(op.output()) : null;
    List<Buffer> uses = inputs(table);
    addPresent(uses, y, scratch, packed.buffer(), added, moments);
    plan.step(
        info("forward", whole),
        uses,
        () ->
            whole.forward(
                input(table),
                packed.address(),
                new Convolution.Output(
                    bias(), addressOrNone(added), y.address(), addressOrNone(moments)),
                scratch.address()));
  }

  private void forwardParts() {
    Buffer y = plan.buffer(sums);
    for (int i = 0; i < parts.size(); i++) {
      Convolution part = parts.get(i);
      Buffer source = plan.buffer(op.x().sources().get(i));
      Buffer scratch = plan.transientBuffer(op.label() + " scratch", part.forwardScratchBytes());
      StoredOrPacked packed = packForward(part);
      boolean first = i == 0;
      Buffer residual = op.residual() == null ? null : plan.buffer(op.residual());
      Buffer added = first ? residual : y;
      List<Buffer> uses = new ArrayList<>();
      addPresent(uses, source, y, scratch, packed.buffer(), added);
      plan.step(
          info("forward", part),
          uses,
          () ->
              part.forward(
                  source.address(),
                  packed.address(),
                  first && op.bias() != null ? plan.weight(op.bias()) : 0,
                  addressOrNone(added),
                  y.address(),
                  scratch.address()));
    }
  }

  /** What the convolution of everything reads. */
  private List<Value> sources() {
    return normalises ? prologue.norm().x().sources() : op.x().sources();
  }

  private List<Buffer> inputs(Buffer table) {
    List<Buffer> buffers = new ArrayList<>();
    sources().forEach(source -> buffers.add(plan.buffer(source)));
    addPresent(buffers, table);
    return buffers;
  }

  private Convolution.Input input(Buffer table) {
    List<Value> sources = sources();
    return new Convolution.Input(
        plan.buffer(sources.getFirst()).address(),
        sources.getFirst().shape().channels(),
        sources.size() == 1 ? 0 : plan.buffer(sources.get(1)).address(),
        addressOrNone(table),
        normalises ? prologue.norm().activation() : Activation.NONE);
  }

  @Override
  public void backward() {
    if (sums != op.output()) {
      ActivationOp.emitGradient(plan, op.label(), op.activation(), sums, op.output());
    }
    Buffer dy = plan.gradient(sums);
    if (whole != null) {
      wholeWeightGradient(dy);
    } else {
      for (int i = 0; i < parts.size(); i++) {
        partWeightGradient(i, dy);
      }
    }
    for (int i = 0; i < parts.size(); i++) {
      dataGradient(parts.get(i), op.x().sources().get(i), dy);
    }
    if (op.residual() != null) {
      plan.passGradient(sums, op.residual(), op.label() + " residual");
    }
    if (prologue != null) {
      if (prologue.drops(plan)) {
        Dropout dropout = prologue.dropout();
        plan.writeGradient(
            prologue.normalised(),
            dropout.name(),
            target ->
                dropout.emit(
                    plan, prologue.normalised(), plan.gradient(prologue.dropped()), target));
      }
      norm.backward();
    }
  }

  private void wholeWeightGradient(Buffer dy) {
    Buffer table =
        normalises
            ? plan.companion(Companion.TABLE, prologue.normalised(), 0) // filled on the way forward
            : null;
    weightGradient(whole, inputs(table), () -> input(table), dy, true);
  }

  private void partWeightGradient(int index, Buffer dy) {
    Convolution part = parts.get(index);
    Value source = op.x().sources().get(index);
    Buffer from = plan.buffer(source);
    weightGradient(
        part,
        new ArrayList<>(List.of(from)),
        () ->
            new Convolution.Input(from.address(), source.shape().channels(), 0, 0, Activation.NONE),
        dy,
        index == 0);
  }

  private void weightGradient(
      Convolution convolution,
      List<Buffer> uses,
      Supplier<Convolution.Input> input,
      Buffer dy,
      boolean withBias) {
    Buffer scratch =
        plan.transientBuffer(op.label() + " scratch", convolution.backwardWeightsScratchBytes());
    long packedBytes = convolution.packedGradientBytes();
    Buffer packed = packedBytes == 0 ? null : plan.transientBuffer(op.label() + " dw", packedBytes);
    addPresent(uses, dy, scratch, packed);
    plan.step(
        info("backward weights", convolution),
        uses,
        () ->
            convolution.backwardWeights(
                input.get(),
                dy.address(),
                packed == null ? plan.weightGradient(op.weight()) : packed.address(),
                withBias && op.bias() != null ? plan.weightGradient(op.bias()) : 0,
                scratch.address()));
    if (packed != null) {
      plan.step(
          StepInfo.memory(op.label() + " unpack", "unpack gradient", 2 * packedBytes),
          List.of(packed),
          () -> convolution.unpackGradient(packed.address(), plan.weightGradient(op.weight())));
    }
  }

  private void dataGradient(Convolution part, Value source, Buffer dy) {
    plan.writeGradient(
        source,
        op.label(),
        target -> {
          Buffer scratch =
              plan.transientBuffer(op.label() + " scratch", part.backwardDataScratchBytes());
          Buffer packed =
              ownPack(part, "packed backward", part.packedBackwardBytes(), part::packBackward);
          List<Buffer> uses = new ArrayList<>();
          addPresent(uses, dy, target, scratch, packed);
          plan.step(
              info("backward data", part),
              uses,
              () ->
                  part.backwardData(
                      dy.address(), address(packed), target.address(), scratch.address()));
        });
  }

  private static void addPresent(List<Buffer> uses, Buffer... buffers) {
    for (Buffer buffer : buffers) {
      if (buffer != null) {
        uses.add(buffer);
      }
    }
  }

  private static long addressOrNone(Buffer buffer) {
    return buffer == null ? 0 : buffer.address();
  }

  /**
   * Where a convolution's weight lies once its step is bound.
   *
   * @param buffer of the plan's own pack; null for what is stored and for packs of the network
   */
  private record StoredOrPacked(Buffer buffer, LongSupplier where) {
    long address() {
      return where.getAsLong();
    }
  }

  /** The weight of a forward pass: the network's pack, this plan's own, its file, or as stored. */
  private StoredOrPacked packForward(Convolution convolution) {
    if (convolution.readsMapped()) {
      return new StoredOrPacked(null, () -> plan.mapped(op.weight()));
    }
    long bytes = convolution.packedForwardBytes();
    if (bytes != 0 && plan.sharesPacks()) {
      return new StoredOrPacked(
          null,
          () ->
              plan.shared(
                  op.weight(),
                  convolution.packedLayout(),
                  bytes,
                  (stored, packed) -> convolution.packForward(stored, bias(), packed).run()));
    }
    Buffer packed =
        ownPack(
            convolution,
            "packed",
            bytes,
            (stored, to) -> convolution.packForward(stored, bias(), to));
    return new StoredOrPacked(packed, () -> address(packed));
  }

  private long bias() {
    return op.bias() == null ? 0 : plan.weight(op.bias());
  }

  /** The weight that a convolution reads: as packed, or as stored. */
  private long address(Buffer packed) {
    return packed == null ? plan.weight(op.weight()) : packed.address();
  }

  @FunctionalInterface
  private interface Packing {
    Launch bind(long stored, long packed);
  }

  /** What tells packs apart: those of an op that runs twice are the same. */
  private record PackKey(ConvolutionOp op, String what, int part) {}

  private Buffer ownPack(Convolution convolution, String what, long bytes, Packing packing) {
    if (bytes == 0) {
      return null;
    }
    return plan.ownPack(
        new PackKey(op, what, parts.indexOf(convolution)),
        op.label() + " " + what,
        bytes,
        packed -> packing.bind(plan.weight(op.weight()), packed.address()));
  }

  /** Images in and out, the residual, and the weight as it is stored. */
  private StepInfo info(String pass, Convolution convolution) {
    ConvolutionShape shape = convolution.shape();
    long elements =
        (long) shape.batch()
            * (shape.height() * shape.width() * shape.inputChannels()
                + shape.outputHeight() * shape.outputWidth() * shape.outputChannels());
    long residual = pass.equals("forward") && op.residual() != null ? plan.count(op.residual()) : 0;
    long weights = (long) shape.inputChannels() * shape.outputChannels() * shape.window().taps();
    int bytes = plan.type(op.output()).bytes();
    return new StepInfo(
        op.label(),
        op.kind() + " " + pass,
        shape.flops(),
        convolution.flopsDone(),
        (elements + residual + weights) * bytes);
  }
}
