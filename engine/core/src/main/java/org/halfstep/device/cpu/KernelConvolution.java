package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Activation;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.WeightForm;
import org.halfstep.device.kernels.BoundKernel;
import org.halfstep.device.kernels.KernelBinder;

/**
 * A convolution by kernels of our own in float32: what those for 3x3 and those for 1x1 windows have
 * in common. The gradient of the input is a forward pass with the weight's channels exchanged, and
 * the gradient of the weight is written as it is stored.
 */
abstract sealed class KernelConvolution implements Convolution
    permits PointwiseConvolution, WinogradConvolution {
  private final KernelBinder kernels;
  private final Passes passes;
  final ConvolutionShape shape;
  private final boolean training;

  /** Of the weight that is read; other than F32 for inference only. */
  final DataType packedType;

  /** What is read of it; other than PACKED for inference only. */
  final WeightForm form;

  /** The kernels of the passes. */
  record Passes(Kernel pack, Kernel forward, Kernel gradient) {}

  /**
   * @param arena for the arguments of launches; outlives them
   * @param packedType F32, F16 or BF16: of the weight that is read
   * @param form what is read of it
   */
  KernelConvolution(
      Arena arena,
      Passes passes,
      ConvolutionShape shape,
      boolean training,
      DataType packedType,
      WeightForm form) {
    if (training && (packedType != DataType.F32 || form != WeightForm.PACKED)) {
      throw new IllegalArgumentException(
          "weights that change are packed as F32, not " + packedType + " " + form);
    }
    this.packedType = packedType;
    this.form = form;
    this.kernels = new KernelBinder(Kernels.cpu(), MemorySegment.NULL, arena);
    this.passes = passes;
    this.shape = shape;
    this.training = training;
  }

  /** Sets the sizes of the batch and of its images, and how the packed weight lies. */
  abstract BoundKernel withSizes(BoundKernel bound);

  /** Bytes of a packed weight. */
  abstract long packedBytes(int in, int out);

  /** Says how the weight is packed, beyond its type. */
  abstract BoundKernel withForm(BoundKernel pack);

  @Override
  public final ConvolutionShape shape() {
    return shape;
  }

  /** Everything but an activation. */
  @Override
  public final Set<ConvolutionRequest.Part> taken() {
    return EnumSet.of(
        ConvolutionRequest.Part.SOURCES,
        ConvolutionRequest.Part.PROLOGUE,
        ConvolutionRequest.Part.MOMENTS);
  }

  @Override
  public final long packedForwardBytes() {
    return readsMapped() ? 0 : packedBytes(shape.inputChannels(), shape.outputChannels());
  }

  @Override
  public final boolean readsMapped() {
    return form == WeightForm.STORED;
  }

  /** What computes it, for people. */
  abstract String title();

  @Override
  public final PackedLayout packedLayout() {
    return new PackedLayout.Plain(
        title(), shape.inputChannels(), shape.outputChannels(), shape.weightInputOffset());
  }

  @Override
  public final long forwardScratchBytes() {
    return scratchBytes(shape.inputChannels(), shape.outputChannels(), false);
  }

  @Override
  public final Launch packForward(long storedWeight, long bias, long packedWeight) {
    return pack(
        wide(storedWeight), shape.inputChannels(), shape.outputChannels(), false, packedWeight);
  }

  @Override
  public final Launch forward(Input input, long weight, Output output, long scratch) {
    return read(passes.forward, input)
        .with("packed workspace", readsMapped() ? mapped(weight) : weight, scratch)
        .with("bias residual", output.bias(), output.residual())
        .with("y moments", output.y(), output.moments());
  }

  @Override
  public final long packedBackwardBytes() {
    return training ? packedBytes(shape.outputChannels(), shape.inputChannels()) : 0;
  }

  @Override
  public final long backwardDataScratchBytes() {
    return training ? scratchBytes(shape.outputChannels(), shape.inputChannels(), false) : 0;
  }

  @Override
  public final Launch packBackward(long storedWeight, long packedWeight) {
    return pack(
        wide(storedWeight), shape.outputChannels(), shape.inputChannels(), true, packedWeight);
  }

  /** A forward pass with the weight's channels exchanged. */
  @Override
  public final Launch backwardData(long dy, long weight, long dx, long scratch) {
    requireTraining();
    return sized(passes.forward, shape.outputChannels(), shape.inputChannels())
        .with("x0 packed y workspace", dy, weight, dx, scratch);
  }

  @Override
  public final long packedGradientBytes() {
    return 0;
  }

  @Override
  public final long backwardWeightsScratchBytes() {
    return training ? scratchBytes(shape.inputChannels(), shape.outputChannels(), true) : 0;
  }

  @Override
  public final Launch backwardWeights(
      Input input, long dy, long dweight, long dbias, long scratch) {
    requireTraining();
    return read(passes.gradient, input)
        .with("dy dweight dbias workspace", dy, wide(dweight), dbias, scratch)
        .with("stride", shape.weightInputStride());
  }

  @Override
  public final Launch unpackGradient(long packedGradient, long storedGradient) {
    return () -> {};
  }

  private Launch pack(long weight, int in, int out, boolean transposed, long packed) {
    return withForm(kernels.bind(passes.pack))
        .with("weight stride in out", weight, shape.weightInputStride(), in, out)
        .with("transposed packed dtype", transposed, packed, packedType);
  }

  /** Workspace of a forward pass, or of the gradient of the weight. */
  private long scratchBytes(int in, int out, boolean gradient) {
    return sized(passes.forward, in, out).workspaceBytes(gradient);
  }

  private BoundKernel sized(Kernel pass, int in, int out) {
    BoundKernel bound = withSizes(kernels.bind(pass)).with("in0 out dtype", in, out, packedType);
    return readsMapped() ? bound.with("stride", shape.weightInputStride()) : bound;
  }

  private BoundKernel read(Kernel pass, Input input) {
    return sized(pass, input.channels0(), shape.outputChannels())
        .with("in1", shape.inputChannels() - input.channels0())
        .with("x0 x1 table", input.x0(), input.x1(), input.table())
        .with("silu", input.activation() == Activation.SILU);
  }

  /** Where this convolution's input channels start in a weight of float32. */
  private long wide(long weight) {
    return weight + Float.BYTES * offset();
  }

  /** The same in a weight that is read where its file is mapped. */
  private long mapped(long weight) {
    return weight + packedType.bytes() * offset();
  }

  private long offset() {
    return (long) shape.weightInputOffset() * shape.window().taps();
  }

  private void requireTraining() {
    if (!training) {
      throw new IllegalStateException(
          "this convolution was created for inference: create it for training to run backward");
    }
  }

  /** Owns nothing. */
  @Override
  public final void close() {}
}
