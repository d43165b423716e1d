package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Activation;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.Window;
import org.halfstep.device.cuda.library.Scratch;
import org.halfstep.device.kernels.KernelBinder;

/**
 * {@link Convolution} by cuDNN. Packed filters have channels last and the storage type of the
 * activations, as has the packed gradient; channels that are not a multiple of eight are padded
 * with zeros, in the filter for good and in the images in scratch memory. So are images whose
 * opposite sides are padded differently, for which cuDNN has no engines.
 *
 * <p>A bias, residual and ReLU are part of the same operation graph where cuDNN has an engine for
 * that; else, and where the output is padded or is its own residual, kernels of ours add them to
 * the plain convolution. What it needs is announced at construction, so that the plans of a network
 * are made together.
 */
final class CudnnConvolution implements Convolution {
  /** What fused engines and those on tensor cores need at most. */
  private static final long FORWARD_WORKSPACE = 32L << 20;

  private static final long BACKWARD_WORKSPACE = 256L << 20;

  private final CudnnLibrary library;
  private final WantedPlans plans;
  private final KernelBinder kernels;
  private final MemorySegment stream;
  private final ConvolutionShape shape;
  private final DataType type;
  private final int dtype;
  private final boolean training;
  private final boolean relu;
  private final boolean fewPixels;
  private final int inputs;
  private final int outputs;

  /** What cuDNN sees: the image with its padding where cuDNN cannot pad it, else as it is. */
  private final int height;

  private final int width;
  private final Window window;
  private final CudnnConvolutionGraph forward;
  private final long forwardWorkspace;
  private final PlanRequest backwardData;
  private final PlanRequest backwardWeights;
  private final long outputRows;
  private final long paddedInputBytes;
  private final long paddedOutputBytes;
  private final Owned owned = new Owned();

  CudnnConvolution(
      CudnnLibrary library,
      WantedPlans plans,
      Kernels kernels,
      MemorySegment stream,
      ConvolutionRequest request) {
    this.library = library;
    this.plans = plans;
    this.stream = stream;
    this.shape = request.shape();
    this.type = request.type();
    this.dtype = KernelBinder.code(type);
    this.training = request.training();
    this.relu = request.epilogue().activation() == Activation.RELU;
    this.fewPixels = !relu && FewPixels.suits(shape, type);
    this.inputs = CudnnConvolutionGraph.paddedChannels(shape.inputChannels());
    this.outputs = CudnnConvolutionGraph.paddedChannels(shape.outputChannels());
    Window asked = shape.window();
    boolean pads = asked.isSymmetric();
    this.window = pads ? asked : asked.unpadded();
    this.height = pads ? shape.height() : asked.paddedHeight(shape.height());
    this.width = pads ? shape.width() : asked.paddedWidth(shape.width());
    this.outputRows = (long) shape.batch() * shape.outputHeight() * shape.outputWidth();
    this.forward = operation(CudnnConvolutionGraph.Kind.FORWARD);
    this.paddedInputBytes =
        pads && inputs == shape.inputChannels() ? 0 : Scratch.rounded(forward.inputBytes());
    this.paddedOutputBytes =
        outputs == shape.outputChannels() ? 0 : Scratch.rounded(forward.outputBytes());
    // Engines without tensor cores may convert every tensor to another layout and back.
    long converted =
        type == DataType.BF16
            ? 0
            : 2 * (forward.inputBytes() + forward.outputBytes() + forward.filterBytes());
    this.forwardWorkspace = Scratch.rounded(FORWARD_WORKSPACE + converted);
    long backwardWorkspace = BACKWARD_WORKSPACE + converted;
    this.backwardData =
        new PlanRequest(operation(CudnnConvolutionGraph.Kind.BACKWARD_DATA), backwardWorkspace);
    this.backwardWeights =
        new PlanRequest(operation(CudnnConvolutionGraph.Kind.BACKWARD_WEIGHTS), backwardWorkspace);
    this.kernels = new KernelBinder(kernels, stream, owned.add(Arena.ofShared()));
    announce(request.epilogue());
  }

  private void announce(ConvolutionRequest.Epilogue epilogue) {
    if (!fewPixels) {
      plans.announce(
          paddedOutputBytes == 0
              ? forwardWith(epilogue.bias(), epilogue.residual())
              : new PlanRequest(forward, forwardWorkspace));
    }
    if (training) {
      plans.announceTraining();
      plans.announce(backwardData);
      plans.announce(backwardWeights);
    }
  }

  private CudnnConvolutionGraph operation(CudnnConvolutionGraph.Kind kind) {
    return operation(kind, false, false, false);
  }

  private CudnnConvolutionGraph operation(
      CudnnConvolutionGraph.Kind kind, boolean bias, boolean residual, boolean clamped) {
    return new CudnnConvolutionGraph(
        kind, shape.batch(), height, width, inputs, outputs, window, type, bias, residual, clamped);
  }

  /** The forward pass with what is added to it. */
  private PlanRequest forwardWith(boolean bias, boolean residual) {
    return new PlanRequest(
        operation(CudnnConvolutionGraph.Kind.FORWARD, bias, residual, relu), forwardWorkspace);
  }

  @Override
  public ConvolutionShape shape() {
    return shape;
  }

  @Override
  public Set<ConvolutionRequest.Part> taken() {
    return relu
        ? EnumSet.of(ConvolutionRequest.Part.ACTIVATION)
        : EnumSet.noneOf(ConvolutionRequest.Part.class);
  }

  @Override
  public long packedForwardBytes() {
    return forward.filterBytes();
  }

  @Override
  public PackedLayout packedLayout() {
    return new PackedLayout.Plain(
        "cuDNN, " + type + ", padded to " + inputs + " x " + outputs,
        shape.inputChannels(),
        shape.outputChannels(),
        shape.weightInputOffset());
  }

  /**
   * Behind the workspace: the padded input, and a plain output of its own for what is not fused.
   */
  @Override
  public long forwardScratchBytes() {
    return fewPixels
        ? 0
        : forwardWorkspace + paddedInputBytes + Scratch.rounded(forward.outputBytes());
  }

  @Override
  public Launch packForward(long storedWeight, long bias, long packedWeight) {
    return filter(Kernel.FILTER_PACK, Scratch.storedWeight(shape, storedWeight), packedWeight);
  }

  /** Between a stored weight, or its gradient, and its packed form. */
  private Launch filter(Kernel kernel, long stored, long packed) {
    return kernels
        .bind(kernel)
        .with("weight packed stride", stored, packed, shape.weightInputStride())
        .with("in out", shape.inputChannels(), shape.outputChannels())
        .with("taps packed_in packed_out dtype", shape.window().taps(), inputs, outputs, dtype);
  }

  @Override
  public Launch forward(Input read, long weight, Output output, long scratch) {
    long x = read.x0();
    long bias = output.bias();
    long residual = output.residual();
    long y = output.y();
    if (fewPixels) {
      return FewPixels.bind(kernels, shape, x, weight, bias, residual, y);
    }
    long paddedInput = scratch + forwardWorkspace;
    long plainOutput = paddedInput + paddedInputBytes;
    Launch padded = padInput(x, paddedInput);
    long input = paddedInputBytes == 0 ? x : paddedInput;
    boolean anything = bias != 0 || residual != 0 || relu;
    if (paddedOutputBytes == 0 && residual != y) {
      Optional<CudnnPlan> fused = plans.find(forwardWith(bias != 0, residual != 0));
      if (fused.isPresent()) {
        return Scratch.inOrder(padded, run(fused.get(), scratch, input, weight, y, bias, residual));
      }
    }
    CudnnPlan plain = plans.require(new PlanRequest(forward, forwardWorkspace));
    if (!anything && paddedOutputBytes == 0) {
      return Scratch.inOrder(padded, run(plain, scratch, input, weight, y, 0, 0));
    }
    return Scratch.inOrder(
        padded,
        run(plain, scratch, input, weight, plainOutput, 0, 0),
        finishOutput(plainOutput, bias, residual, y));
  }

  @Override
  public long packedBackwardBytes() {
    return training ? forward.filterBytes() : 0;
  }

  @Override
  public long backwardDataScratchBytes() {
    return training
        ? Scratch.rounded(plans.require(backwardData).workspaceBytes())
            + paddedInputBytes
            + paddedOutputBytes
        : 0;
  }

  @Override
  public Launch packBackward(long storedWeight, long packedWeight) {
    return packForward(storedWeight, 0, packedWeight);
  }

  @Override
  public Launch backwardData(long dy, long weight, long dx, long scratch) {
    requireTraining();
    CudnnPlan plan = plans.require(backwardData);
    long paddedInput = scratch + Scratch.rounded(plan.workspaceBytes());
    long paddedOutput = paddedInput + paddedInputBytes;
    Launch gradient =
        run(
            plan,
            scratch,
            paddedInputBytes == 0 ? dx : paddedInput,
            weight,
            paddedOutputBytes == 0 ? dy : paddedOutput,
            0,
            0);
    return Scratch.inOrder(
        padOutput(dy, paddedOutput),
        gradient,
        paddedInputBytes == 0 ? null : input(Kernel.CROP, dx, paddedInput));
  }

  @Override
  public long packedGradientBytes() {
    return training ? forward.filterBytes() : 0;
  }

  @Override
  public long backwardWeightsScratchBytes() {
    return training
        ? Scratch.rounded(plans.require(backwardWeights).workspaceBytes())
            + paddedInputBytes
            + paddedOutputBytes
            + Scratch.sumRowsBytes(kernels, outputRows, shape.outputChannels())
        : 0;
  }

  @Override
  public Launch backwardWeights(Input input, long dy, long dweight, long dbias, long scratch) {
    requireTraining();
    long x = input.x0();
    CudnnPlan plan = plans.require(backwardWeights);
    long paddedInput = scratch + Scratch.rounded(plan.workspaceBytes());
    long paddedOutput = paddedInput + paddedInputBytes;
    Launch gradient =
        run(
            plan,
            scratch,
            paddedInputBytes == 0 ? x : paddedInput,
            dweight,
            paddedOutputBytes == 0 ? dy : paddedOutput,
            0,
            0);
    Launch biasGradient =
        dbias == 0
            ? null
            : kernels
                .bind(Kernel.SUM_ROWS)
                .with("x out workspace", dy, dbias, paddedOutput + paddedOutputBytes)
                .with("rows c dtype", outputRows, shape.outputChannels(), dtype);
    return Scratch.inOrder(
        padInput(x, paddedInput), padOutput(dy, paddedOutput), gradient, biasGradient);
  }

  @Override
  public Launch unpackGradient(long packedGradient, long storedGradient) {
    return filter(
        Kernel.FILTER_UNPACK, Scratch.storedWeight(shape, storedGradient), packedGradient);
  }

  @Override
  public void close() {
    owned.close();
  }

  private Launch run(
      CudnnPlan plan, long workspace, long x, long filter, long y, long bias, long residual) {
    long[] ids = {
      CudnnConvolutionGraph.X,
      CudnnConvolutionGraph.FILTER,
      CudnnConvolutionGraph.Y,
      CudnnConvolutionGraph.BIAS,
      CudnnConvolutionGraph.RESIDUAL
    };
    long[] addresses = {x, filter, y, bias, residual};
    CudnnDescriptor memory = owned.add(CudnnPlan.variantPack(ids, addresses, workspace));
    return () -> library.execute(stream, plan, memory);
  }

  private Launch padInput(long x, long padded) {
    return paddedInputBytes == 0 ? null : input(Kernel.PAD, x, padded);
  }

  /** Between an image like x and one as cuDNN sees it. */
  private Launch input(Kernel kernel, long x, long padded) {
    boolean pads = shape.window().isSymmetric();
    return kernels
        .bind(kernel)
        .with("x n h w c", x, shape.batch(), shape.height(), shape.width(), shape.inputChannels())
        .with("y out_h out_w out_c dtype", padded, height, width, inputs, dtype)
        .with("top", pads ? 0 : shape.window().top())
        .with("left", pads ? 0 : shape.window().left());
  }

  private Launch padOutput(long dy, long padded) {
    return paddedOutputBytes == 0
        ? null
        : kernels
            .bind(Kernel.PAD)
            .with("x n h w c", dy, 1, 1, outputRows, shape.outputChannels())
            .with("y out_h out_w out_c dtype", padded, 1, outputRows, outputs, dtype);
  }

  /** The first columns of rows. */
  private Launch copy(
      long from,
      int fromStride,
      long to,
      int toStride,
      long rows,
      int columns,
      boolean accumulate) {
    return kernels
        .bind(Kernel.COPY_COLUMNS)
        .with("src src_stride dst dst_stride rows", from, fromStride, to, toStride, rows)
        .with("columns accumulate dtype", columns, accumulate, dtype);
  }

  /** From the plain convolution to y, with everything that is added to it. */
  private Launch finishOutput(long plain, long bias, long residual, long y) {
    int columns = shape.outputChannels();
    long count = outputRows * columns;
    return Scratch.inOrder(
        copy(plain, outputs, y, columns, outputRows, columns, residual == y),
        residual == 0 || residual == y
            ? null
            : kernels.bind(Kernel.ADD).with("a b y count dtype", y, residual, y, count, dtype),
        bias == 0
            ? null
            : kernels
                .bind(Kernel.ADD_PER_CHANNEL)
                .with("x e e_stride y n hw c", y, bias, columns, y, 1, outputRows, columns)
                .with("dtype", dtype),
        relu
            ? kernels
                .bind(Kernel.CLAMP)
                .with("x y low high count dtype", y, y, 0f, Float.POSITIVE_INFINITY, count, dtype)
            : null);
  }

  private void requireTraining() {
    if (!training) {
      throw new IllegalStateException(
          "this convolution was created for inference: create it for training to run backward");
    }
  }
}
