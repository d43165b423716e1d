package org.halfstep.device.cpu;

import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;

/**
 * A 3x3 convolution by our own kernels, all passes with Winograd's F(4x4, 3x3), which needs a
 * quarter of the multiplications of the direct form. Relative rounding errors are about 2e-6,
 * against 3e-7 of the direct form.
 */
final class WinogradConvolution implements Convolution {
  private static final Kernels KERNELS = Kernels.cpu();

  private static final MemorySegment NO_STREAM = MemorySegment.NULL;
  private static final int KERNEL = 3;
  private static final Window WINDOW = Window.square(KERNEL, 1, 1);
  private static final int POINTS = 36;
  private static final int TILE = 4;

  /** Channel counts are multiples of this. */
  private static final int CHANNEL_MULTIPLE = 32;

  /**
   * Tiles per image below which reading the transformed weights, four times as large as the stored
   * ones, costs more than is saved. The batch does not count: an image must come out the same in
   * any batch.
   */
  private static final int MIN_TILES = 12;

  private final ConvolutionShape shape;

  private final boolean training;

  WinogradConvolution(ConvolutionShape shape, boolean training) {
    this.shape = shape;
    this.training = training;
  }

  /** Whether this is the faster way to compute a convolution. */
  static boolean suits(ConvolutionShape shape, DataType type) {
    return type == DataType.F32
        && shape.window().equals(WINDOW)
        && !shape.relu()
        && shape.inputChannels() % CHANNEL_MULTIPLE == 0
        && shape.outputChannels() % CHANNEL_MULTIPLE == 0
        && tiles(shape.height()) * tiles(shape.width()) >= MIN_TILES
        && KERNELS.hs_winograd_workspace(shape.inputChannels(), shape.outputChannels()) > 0;
  }

  private static int tiles(int side) {
    return (side + TILE - 1) / TILE;
  }

  @Override
  public ConvolutionShape shape() {
    return shape;
  }

  private long packedBytes() {
    return (long) Float.BYTES * POINTS * shape.inputChannels() * shape.outputChannels();
  }

  @Override
  public long packedForwardBytes() {
    return packedBytes();
  }

  @Override
  public long forwardScratchBytes() {
    return KERNELS.hs_winograd_workspace(shape.inputChannels(), shape.outputChannels());
  }

  @Override
  public Launch packForward(long storedWeight, long packedWeight) {
    return pack(storedWeight, packedWeight, shape.inputChannels(), shape.outputChannels(), 0);
  }

  @Override
  public Launch forward(long x, long weight, long bias, long residual, long y, long scratch) {
    return convolve(
        x, weight, bias, residual, y, scratch, shape.inputChannels(), shape.outputChannels());
  }

  @Override
  public long packedBackwardBytes() {
    return training ? packedBytes() : 0;
  }

  @Override
  public long backwardDataScratchBytes() {
    return training
        ? KERNELS.hs_winograd_workspace(shape.outputChannels(), shape.inputChannels())
        : 0;
  }

  @Override
  public Launch packBackward(long storedWeight, long packedWeight) {
    return pack(storedWeight, packedWeight, shape.outputChannels(), shape.inputChannels(), 1);
  }

  @Override
  public Launch backwardData(long dy, long weight, long dx, long scratch) {
    requireTraining();
    return convolve(dy, weight, 0, 0, dx, scratch, shape.outputChannels(), shape.inputChannels());
  }

  private Launch pack(long storedWeight, long packed, int in, int out, int transposed) {
    MemorySegment weight = at(stored(storedWeight));
    MemorySegment target = at(packed);
    long stride = shape.weightInputStride();
    return () -> KERNELS.hs_winograd_pack(NO_STREAM, weight, stride, in, out, transposed, target);
  }

  private Launch convolve(
      long x, long packed, long bias, long residual, long y, long scratch, long in, long out) {
    MemorySegment source = at(x);
    MemorySegment weight = at(packed);
    MemorySegment offset = at(bias);
    MemorySegment added = at(residual);
    MemorySegment target = at(y);
    MemorySegment workspace = at(scratch);
    long n = shape.batch();
    long h = shape.height();
    long w = shape.width();
    return () ->
        KERNELS.hs_winograd_forward(
            NO_STREAM, source, weight, offset, added, target, workspace, n, h, w, in, out);
  }

  /** Address 0 is the null pointer. */
  private static MemorySegment at(long address) {
    return MemorySegment.ofAddress(address);
  }

  /** The stored form is written directly. */
  @Override
  public long packedGradientBytes() {
    return 0;
  }

  @Override
  public long backwardWeightsScratchBytes() {
    return training
        ? Math.max(
            KERNELS.hs_winograd_gradient_workspace(shape.inputChannels(), shape.outputChannels()),
            KERNELS.hs_sum_rows_workspace(outputPixels(), shape.outputChannels()))
        : 0;
  }

  private long outputPixels() {
    return (long) shape.batch() * shape.height() * shape.width();
  }

  @Override
  public Launch backwardWeights(long x, long dy, long dweight, long dbias, long scratch) {
    requireTraining();
    MemorySegment source = at(x);
    MemorySegment upstream = at(dy);
    MemorySegment target = at(stored(dweight));
    MemorySegment biasTarget = at(dbias);
    MemorySegment workspace = at(scratch);
    long stride = shape.weightInputStride();
    long n = shape.batch();
    long h = shape.height();
    long w = shape.width();
    long in = shape.inputChannels();
    long out = shape.outputChannels();
    long rows = outputPixels();
    return () -> {
      KERNELS.hs_winograd_gradient(
          NO_STREAM, source, upstream, target, stride, workspace, n, h, w, in, out);
      if (dbias != 0) {
        KERNELS.hs_sum_rows(
            NO_STREAM, upstream, biasTarget, 0, workspace, rows, out, Kernels.HS_F32);
      }
    };
  }

  @Override
  public Launch unpackGradient(long packedGradient, long storedGradient) {
    return () -> {};
  }

  /** Where this convolution's input channels start in the stored weight. */
  private long stored(long weight) {
    return weight + (long) Float.BYTES * shape.weightInputOffset() * KERNEL * KERNEL;
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
