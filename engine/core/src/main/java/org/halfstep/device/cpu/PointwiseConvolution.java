package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import org.halfstep.bindings.Kernel;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.WeightForm;
import org.halfstep.device.Window;
import org.halfstep.device.kernels.BoundKernel;

/** A 1x1 convolution or linear layer by our own kernels: a matrix product over all pixels. */
final class PointwiseConvolution extends KernelConvolution {
  private static final Passes PASSES =
      new Passes(Kernel.POINTWISE_PACK, Kernel.POINTWISE_FORWARD, Kernel.POINTWISE_GRADIENT);

  /** Packed weights have a multiple of so many columns. */
  private static final int PACKED_MULTIPLE = 32;

  /** Channels that these kernels are chosen for: whole panels, and two of them at least. */
  private static final int CHANNEL_MULTIPLE = 32;

  private static final int MIN_CHANNELS = 64;

  /** Whether the library in use has these kernels. */
  private static final boolean AVAILABLE =
      new PointwiseConvolution(Arena.ofAuto(), ConvolutionShape.linear(1, 32, 32), false)
              .forwardScratchBytes()
          > 0;

  /**
   * @param arena for the arguments of launches; outlives them
   */
  PointwiseConvolution(Arena arena, ConvolutionShape shape, boolean training) {
    this(arena, shape, training, DataType.F32, WeightForm.PACKED);
  }

  private PointwiseConvolution(
      Arena arena, ConvolutionShape shape, boolean training, DataType packedType, WeightForm form) {
    super(arena, PASSES, shape, training, packedType, form);
  }

  /**
   * For inference, with a weight of a type.
   *
   * @param type F32, F16 or BF16
   * @param form PACKED or STORED
   */
  static PointwiseConvolution reading(
      DataType type, WeightForm form, Arena arena, ConvolutionShape shape) {
    return new PointwiseConvolution(arena, shape, false, type, form);
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
    return "product of our own, " + packedType;
  }

  @Override
  long packedBytes(int in, int out) {
    return packedBytes(in, out, packedType);
  }

  static long packedBytes(int in, int out, DataType type) {
    long columns = (out + PACKED_MULTIPLE - 1L) / PACKED_MULTIPLE * PACKED_MULTIPLE;
    return type.bytes() * in * columns;
  }

  @Override
  BoundKernel withForm(BoundKernel pack) {
    return pack;
  }

  @Override
  BoundKernel withSizes(BoundKernel bound) {
    return bound.with("n hw", shape.batch(), (long) shape.height() * shape.width());
  }
}
