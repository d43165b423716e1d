package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.hs_pointwise;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.FusedConvolution;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;

/** A 1x1 convolution or linear layer by our own kernels: a matrix product over all pixels. */
final class PointwiseConvolution implements FusedConvolution {
  private static final Kernels KERNELS = Kernels.cpu();
  private static final MemorySegment NO_STREAM = MemorySegment.NULL;
  private static final Window WINDOW = Window.square(1, 1, 0);

  /** Packed weights have a multiple of so many columns. */
  private static final int PACKED_MULTIPLE = 32;

  /** Channels that these kernels are chosen for: whole panels, and two of them at least. */
  private static final int CHANNEL_MULTIPLE = 32;

  private static final int MIN_CHANNELS = 64;

  /** Whether the library in use has these kernels. */
  private static final boolean AVAILABLE =
      new PointwiseConvolution(null, ConvolutionShape.linear(1, 32, 32), false)
              .forwardScratchBytes()
          > 0;

  private final Arena arena;
  private final ConvolutionShape shape;
  private final boolean training;

  /**
   * @param arena for the arguments of launches; outlives them
   */
  PointwiseConvolution(Arena arena, ConvolutionShape shape, boolean training) {
    this.arena = arena;
    this.shape = shape;
    this.training = training;
  }

  /** Whether a convolution is computed by these kernels. The batch never counts. */
  static boolean isChosen(ConvolutionAlgorithm algorithm, ConvolutionShape shape, DataType type) {
    return AVAILABLE
        && type == DataType.F32
        && shape.window().equals(WINDOW)
        && !shape.relu()
        && switch (algorithm) {
          case DIRECT -> false;
          case FASTEST -> isFaster(shape);
          case WINOGRAD2, WINOGRAD4 -> true;
        };
  }

  private static boolean isFaster(ConvolutionShape shape) {
    return fillsPanels(shape.inputChannels()) && fillsPanels(shape.outputChannels());
  }

  private static boolean fillsPanels(int channels) {
    return channels >= MIN_CHANNELS && channels % CHANNEL_MULTIPLE == 0;
  }

  @Override
  public ConvolutionShape shape() {
    return shape;
  }

  // ---- Forward
  // ------------------------------------------------------------------------------------

  private static long packedBytes(int in, int out) {
    long columns = (out + PACKED_MULTIPLE - 1L) / PACKED_MULTIPLE * PACKED_MULTIPLE;
    return Float.BYTES * in * columns;
  }

  @Override
  public long packedForwardBytes() {
    return packedBytes(shape.inputChannels(), shape.outputChannels());
  }

  @Override
  public long forwardScratchBytes() {
    return scratchBytes(shape.inputChannels(), shape.outputChannels(), false);
  }

  @Override
  public Launch packForward(long storedWeight, long packedWeight) {
    return pack(storedWeight, packedWeight, shape.inputChannels(), shape.outputChannels(), 0);
  }

  @Override
  public Launch forward(long x, long weight, long bias, long residual, long y, long scratch) {
    return forward(plain(x), weight, bias, residual, y, 0, scratch);
  }

  @Override
  public Launch forward(
      Input input, long weight, long bias, long residual, long y, long moments, long scratch) {
    MemorySegment args = input(input);
    hs_pointwise.packed(args, at(weight));
    hs_pointwise.bias(args, at(bias));
    hs_pointwise.residual(args, at(residual));
    hs_pointwise.y(args, at(y));
    hs_pointwise.moments(args, at(moments));
    hs_pointwise.workspace(args, at(scratch));
    return () -> KERNELS.hs_pointwise_forward(NO_STREAM, args);
  }

  // ---- Gradient of the input
  // ----------------------------------------------------------------------

  @Override
  public long packedBackwardBytes() {
    return training ? packedBytes(shape.outputChannels(), shape.inputChannels()) : 0;
  }

  @Override
  public long backwardDataScratchBytes() {
    return training ? scratchBytes(shape.outputChannels(), shape.inputChannels(), false) : 0;
  }

  @Override
  public Launch packBackward(long storedWeight, long packedWeight) {
    return pack(storedWeight, packedWeight, shape.outputChannels(), shape.inputChannels(), 1);
  }

  @Override
  public Launch backwardData(long dy, long weight, long dx, long scratch) {
    requireTraining();
    MemorySegment args = sizes(arena, shape.outputChannels(), shape.inputChannels());
    hs_pointwise.x0(args, at(dy));
    hs_pointwise.packed(args, at(weight));
    hs_pointwise.y(args, at(dx));
    hs_pointwise.workspace(args, at(scratch));
    return () -> KERNELS.hs_pointwise_forward(NO_STREAM, args);
  }

  // ---- Gradient of the weight
  // ---------------------------------------------------------------------

  /** The stored form is written directly. */
  @Override
  public long packedGradientBytes() {
    return 0;
  }

  @Override
  public long backwardWeightsScratchBytes() {
    return training ? scratchBytes(shape.inputChannels(), shape.outputChannels(), true) : 0;
  }

  @Override
  public Launch backwardWeights(long x, long dy, long dweight, long dbias, long scratch) {
    return backwardWeights(plain(x), dy, dweight, dbias, scratch);
  }

  @Override
  public Launch backwardWeights(Input input, long dy, long dweight, long dbias, long scratch) {
    requireTraining();
    MemorySegment args = input(input);
    hs_pointwise.dy(args, at(dy));
    hs_pointwise.dweight(args, at(stored(dweight)));
    hs_pointwise.stride(args, shape.weightInputStride());
    hs_pointwise.dbias(args, at(dbias));
    hs_pointwise.workspace(args, at(scratch));
    return () -> KERNELS.hs_pointwise_gradient(NO_STREAM, args);
  }

  @Override
  public Launch unpackGradient(long packedGradient, long storedGradient) {
    return () -> {};
  }

  // ---- Arguments
  // ----------------------------------------------------------------------------------

  private Input plain(long x) {
    return new Input(x, shape.inputChannels(), 0, 0, false);
  }

  private MemorySegment input(Input input) {
    MemorySegment args = sizes(arena, input.channels0(), shape.outputChannels());
    hs_pointwise.in1(args, shape.inputChannels() - input.channels0());
    hs_pointwise.x0(args, at(input.x0()));
    hs_pointwise.x1(args, at(input.x1()));
    hs_pointwise.table(args, at(input.table()));
    hs_pointwise.silu(args, input.silu() ? 1 : 0);
    return args;
  }

  private MemorySegment sizes(Arena memory, int in, int out) {
    MemorySegment args = hs_pointwise.allocate(memory);
    hs_pointwise.n(args, shape.batch());
    hs_pointwise.hw(args, (long) shape.height() * shape.width());
    hs_pointwise.in0(args, in);
    hs_pointwise.out(args, out);
    return args;
  }

  private long scratchBytes(int in, int out, boolean gradient) {
    try (Arena temporary = Arena.ofConfined()) {
      return KERNELS.hs_pointwise_workspace(sizes(temporary, in, out), gradient ? 1 : 0);
    }
  }

  private Launch pack(long storedWeight, long packed, int in, int out, int transposed) {
    MemorySegment weight = at(stored(storedWeight));
    MemorySegment target = at(packed);
    long stride = shape.weightInputStride();
    return () -> KERNELS.hs_pointwise_pack(NO_STREAM, weight, stride, in, out, transposed, target);
  }

  /** Address 0 is the null pointer. */
  private static MemorySegment at(long address) {
    return MemorySegment.ofAddress(address);
  }

  /** Where this convolution's input channels start in the stored weight. */
  private long stored(long weight) {
    return weight + (long) Float.BYTES * shape.weightInputOffset();
  }

  private void requireTraining() {
    if (!training) {
      throw new IllegalStateException(
          "this convolution was created for inference: create it for training to run backward");
    }
  }

  /** Owns nothing. */
  @Override
  public void close() {}
}
