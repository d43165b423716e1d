package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.hs_pointwise;
import org.halfstep.device.Activation;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;

/** A 1x1 convolution or linear layer by our own kernels: a matrix product over all pixels. */
final class PointwiseConvolution extends KernelConvolution {
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

  /**
   * @param arena for the arguments of launches; outlives them
   */
  PointwiseConvolution(Arena arena, ConvolutionShape shape, boolean training) {
    super(arena, shape, training);
  }

  /** Whether a convolution is computed by these kernels. The batch never counts. */
  static boolean isChosen(ConvolutionAlgorithm algorithm, ConvolutionShape shape, DataType type) {
    return AVAILABLE
        && type == DataType.F32
        && shape.window().equals(Window.PIXEL)
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
  String title() {
    return "product of our own";
  }

  @Override
  long packedBytes(int in, int out) {
    long columns = (out + PACKED_MULTIPLE - 1L) / PACKED_MULTIPLE * PACKED_MULTIPLE;
    return Float.BYTES * in * columns;
  }

  @Override
  long scratchBytes(int in, int out, boolean gradient) {
    try (Arena temporary = Arena.ofConfined()) {
      return KERNELS.hs_pointwise_workspace(sizes(temporary, in, out), gradient ? 1 : 0);
    }
  }

  @Override
  Launch pack(MemorySegment weight, int in, int out, boolean transposed, MemorySegment to) {
    long stride = shape.weightInputStride();
    return () ->
        KERNELS.hs_pointwise_pack(NO_STREAM, weight, stride, in, out, transposed ? 1 : 0, to);
  }

  @Override
  public Launch forward(Input input, long weight, Output output, long scratch) {
    MemorySegment args = input(input);
    hs_pointwise.packed(args, at(weight));
    hs_pointwise.bias(args, at(output.bias()));
    hs_pointwise.residual(args, at(output.residual()));
    hs_pointwise.y(args, at(output.y()));
    hs_pointwise.moments(args, at(output.moments()));
    hs_pointwise.workspace(args, at(scratch));
    return () -> KERNELS.hs_pointwise_forward(NO_STREAM, args);
  }

  @Override
  Launch product(long x, int in, int out, long weight, long y, long scratch) {
    MemorySegment args = sizes(arena, in, out);
    hs_pointwise.x0(args, at(x));
    hs_pointwise.packed(args, at(weight));
    hs_pointwise.y(args, at(y));
    hs_pointwise.workspace(args, at(scratch));
    return () -> KERNELS.hs_pointwise_forward(NO_STREAM, args);
  }

  @Override
  Launch gradient(Input input, long dy, MemorySegment dweight, long dbias, long scratch) {
    MemorySegment args = input(input);
    hs_pointwise.dy(args, at(dy));
    hs_pointwise.dweight(args, dweight);
    hs_pointwise.stride(args, shape.weightInputStride());
    hs_pointwise.dbias(args, at(dbias));
    hs_pointwise.workspace(args, at(scratch));
    return () -> KERNELS.hs_pointwise_gradient(NO_STREAM, args);
  }

  private MemorySegment input(Input input) {
    MemorySegment args = sizes(arena, input.channels0(), shape.outputChannels());
    hs_pointwise.in1(args, shape.inputChannels() - input.channels0());
    hs_pointwise.x0(args, at(input.x0()));
    hs_pointwise.x1(args, at(input.x1()));
    hs_pointwise.table(args, at(input.table()));
    hs_pointwise.silu(args, input.activation() == Activation.SILU ? 1 : 0);
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
}
