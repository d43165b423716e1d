package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.Launch;
import org.halfstep.device.PackedLayout;

/**
 * A convolution by kernels of our own in float32: what those for 3x3 and those for 1x1 windows have
 * in common. The gradient of the input is a forward pass with the weight's channels exchanged, and
 * the gradient of the weight is written as it is stored.
 */
abstract sealed class KernelConvolution implements Convolution
    permits PointwiseConvolution, WinogradConvolution {
  static final Kernels KERNELS = Kernels.cpu();
  static final MemorySegment NO_STREAM = MemorySegment.NULL;

  /** For the arguments of launches; outlives them. */
  final Arena arena;

  final ConvolutionShape shape;
  private final boolean training;

  KernelConvolution(Arena arena, ConvolutionShape shape, boolean training) {
    this.arena = arena;
    this.shape = shape;
    this.training = training;
  }

  /** Bytes of a packed weight. */
  abstract long packedBytes(int in, int out);

  abstract Launch pack(MemorySegment weight, int in, int out, boolean transposed, MemorySegment to);

  /** Workspace of a forward pass, or of the gradient of the weight. */
  abstract long scratchBytes(int in, int out, boolean gradient);

  /** A forward pass from one source to {@code y}, with {@code out} channels. */
  abstract Launch product(long x, int in, int out, long weight, long y, long scratch);

  /** The gradient of the weight, {@code dweight} being where this convolution's part starts. */
  abstract Launch gradient(Input input, long dy, MemorySegment dweight, long dbias, long scratch);

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
    return packedBytes(shape.inputChannels(), shape.outputChannels());
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
        stored(storedWeight),
        shape.inputChannels(),
        shape.outputChannels(),
        false,
        at(packedWeight));
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
        stored(storedWeight),
        shape.outputChannels(),
        shape.inputChannels(),
        true,
        at(packedWeight));
  }

  @Override
  public final Launch backwardData(long dy, long weight, long dx, long scratch) {
    requireTraining();
    return product(dy, shape.outputChannels(), shape.inputChannels(), weight, dx, scratch);
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
    return gradient(input, dy, stored(dweight), dbias, scratch);
  }

  @Override
  public final Launch unpackGradient(long packedGradient, long storedGradient) {
    return () -> {};
  }

  /** Address 0 is the null pointer. */
  static MemorySegment at(long address) {
    return MemorySegment.ofAddress(address);
  }

  /** Where this convolution's input channels start in the stored weight. */
  private MemorySegment stored(long weight) {
    return at(weight + (long) Float.BYTES * shape.weightInputOffset() * shape.window().taps());
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
