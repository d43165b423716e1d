package org.halfstep.device.cuda.cudnn;

import org.halfstep.bindings.Kernel;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;
import org.halfstep.device.kernels.KernelBinder;

/**
 * Convolutions of few pixels by a kernel of ours in place of cuDNN's: at batch 1 the latter leave
 * most of a GPU idle while one group of warps forms each long sum. The filter is packed as cuDNN
 * wants it, so that either can read it.
 */
final class FewPixels {
  /** The property that says whether it is used: {@code on} or {@code off}. */
  static final String PROPERTY = "halfstep.fewpixels";

  /** The kernel's tiles, in pixels and outputs, and the channels it multiplies at a time. */
  private static final int TILE = 32;

  /**
   * What all blocks together read: each reads whole rows of both operands. On an H200 layers of 4
   * MB gained 2 us each, and of M, whose read 5 to 19 MB, nothing was left of it.
   */
  private static final long MOST_BYTES_READ = 8L << 20;

  private FewPixels() {}

  static boolean isOn() {
    return !System.getProperty(PROPERTY, "on").equals("off");
  }

  /** Whether the kernel computes such a convolution and is expected to be the fastest. */
  static boolean suits(ConvolutionShape shape, DataType type) {
    int side = shape.window().height();
    if (!isOn()
        || type != DataType.BF16
        || side % 2 == 0
        || !shape.window().equals(Window.square(side, 1, side / 2))
        || shape.inputChannels() % TILE != 0
        || shape.outputChannels() % TILE != 0) {
      return false;
    }
    long pixels = (long) shape.batch() * shape.height() * shape.width();
    long blocks = Math.ceilDiv(pixels, TILE) * (shape.outputChannels() / TILE);
    long rowBytes = 2L * shape.inputChannels() * shape.window().taps();
    return blocks * 2 * TILE * rowBytes <= MOST_BYTES_READ;
  }

  static Launch bind(
      KernelBinder kernels,
      ConvolutionShape shape,
      long x,
      long filter,
      long bias,
      long residual,
      long y) {
    return kernels
        .bind(Kernel.CONVOLUTION_FORWARD)
        .with("n h w", shape.batch(), shape.height(), shape.width())
        .with("in out side", shape.inputChannels(), shape.outputChannels(), shape.window().height())
        .with("dtype x filter", KernelBinder.code(DataType.BF16), x, filter)
        .with("bias residual y", bias, residual, y);
  }
}
