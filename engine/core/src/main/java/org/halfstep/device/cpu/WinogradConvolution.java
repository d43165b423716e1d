package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import org.halfstep.bindings.Kernel;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.WeightForm;
import org.halfstep.device.Window;
import org.halfstep.device.kernels.BoundKernel;

/**
 * A 3x3 convolution by our own kernels, all passes by Winograd's algorithm: F(4x4, 3x3) needs a
 * quarter of the multiplications of the direct form, F(2x2, 3x3) four ninths. Relative rounding
 * errors are about 2e-6 and 3e-7, against 3e-7 of the direct form.
 */
final class WinogradConvolution extends KernelConvolution {
  private static final Passes PASSES =
      new Passes(Kernel.WINOGRAD_PACK, Kernel.WINOGRAD_FORWARD, Kernel.WINOGRAD_GRADIENT);

  private static final int KERNEL = 3;
  private static final Window WINDOW = Window.square(KERNEL, 1, 1);

  /** Channel counts are multiples of this: a panel of the kernels' products. */
  private static final int CHANNEL_MULTIPLE = 32;

  /** The first of two sources has a multiple of so many channels: a vector. */
  private static final int SOURCE_MULTIPLE = 16;

  /** Sides of the output tiles of F(2x2, 3x3) and F(4x4, 3x3). */
  static final int SMALL_TILE = 2;

  static final int LARGE_TILE = 4;

  /**
   * Large tiles per image from which they are used whatever the weights. Below, an image evaluated
   * alone spends its time reading the transformed weights, which are four times as large as the
   * stored ones, and 16 ninths with small tiles. The batch does not count: an image must come out
   * the same in any batch.
   */
  private static final int MANY_LARGE_TILES = 12;

  /** Tiles per image below which the direct form is used. */
  private static final int MIN_TILES = 4;

  /** Bytes of transformed weights that a processor's cache holds beside everything else. */
  private static final long CACHED_WEIGHTS = 12L << 20;

  /** Whether the library in use has these kernels. */
  private static final boolean AVAILABLE =
      new WinogradConvolution(
                  Arena.ofAuto(),
                  ConvolutionShape.of(1, 8, 8, 32, 32, KERNEL, 1, 1),
                  false,
                  SMALL_TILE)
              .forwardScratchBytes()
          > 0;

  /** Tiles that go through the steps together where weights are large or kept as taps. */
  private static final int ROUND = 128;

  private final int tile;

  /**
   * @param arena for the arguments of launches; outlives them
   * @param tile 2 or 4: the side of the output tiles
   */
  WinogradConvolution(Arena arena, ConvolutionShape shape, boolean training, int tile) {
    this(arena, shape, training, tile, WeightForm.PACKED, DataType.F32);
  }

  private WinogradConvolution(
      Arena arena,
      ConvolutionShape shape,
      boolean training,
      int tile,
      WeightForm form,
      DataType packedType) {
    super(arena, PASSES, shape, training, packedType, form);
    this.tile = tile;
  }

  /**
   * For inference, with a weight that is transformed whenever it is used; to the same bits.
   *
   * @param type F32, F16 or BF16: of its taps
   * @param form TAPS or STORED
   */
  static WinogradConvolution ofTaps(
      DataType type, WeightForm form, Arena arena, ConvolutionShape shape, int tile) {
    return new WinogradConvolution(arena, shape, false, tile, form, type);
  }

  /** Whether the weight is transformed whenever it is used. */
  private boolean taps() {
    return form != WeightForm.PACKED;
  }

  /** The side of the output tiles by which a convolution is computed, or 0 for the direct form. */
  static int tile(ConvolutionAlgorithm algorithm, ConvolutionShape shape, DataType type) {
    return isPossible(shape, type)
        ? switch (algorithm) {
          case FASTEST -> fastest(shape);
          case DIRECT -> 0;
          case WINOGRAD2 -> SMALL_TILE;
          case WINOGRAD4 -> LARGE_TILE;
        }
        : 0;
  }

  private static boolean isPossible(ConvolutionShape shape, DataType type) {
    return AVAILABLE
        && type == DataType.F32
        && shape.window().equals(WINDOW)
        && shape.inputChannels() % CHANNEL_MULTIPLE == 0
        && shape.outputChannels() % CHANNEL_MULTIPLE == 0;
  }

  private static int fastest(ConvolutionShape shape) {
    int large = tiles(shape, LARGE_TILE);
    if (large >= MANY_LARGE_TILES
        || (large >= MIN_TILES
            && transformedBytes(shape.inputChannels(), shape.outputChannels(), LARGE_TILE)
                <= CACHED_WEIGHTS)) {
      return LARGE_TILE;
    }
    return tiles(shape, SMALL_TILE) >= MIN_TILES ? SMALL_TILE : 0;
  }

  /** Whether the first of two sources may hold so many channels. */
  static boolean splitsAt(int channels0) {
    return channels0 % SOURCE_MULTIPLE == 0;
  }

  static int tiles(ConvolutionShape shape, int side) {
    return ((shape.height() + side - 1) / side) * ((shape.width() + side - 1) / side);
  }

  /** Rounds in which so many tiles go through the steps. */
  static int rounds(int tiles) {
    return (tiles + ROUND - 1) / ROUND;
  }

  static long transformedBytes(int in, int out, int tile) {
    long points = (long) (tile + KERNEL - 1) * (tile + KERNEL - 1);
    return Float.BYTES * points * in * out;
  }

  @Override
  String title() {
    return taps() ? "3x3 taps, " + packedType : "Winograd F(" + tile + "x" + tile + ")";
  }

  @Override
  long packedBytes(int in, int out) {
    return taps()
        ? (long) packedType.bytes() * KERNEL * KERNEL * in * out
        : transformedBytes(in, out, tile);
  }

  /** Of the products, by which all but the smallest are bound: transforms are not counted. */
  @Override
  public long flopsDone() {
    long points = (long) (tile + KERNEL - 1) * (tile + KERNEL - 1);
    return 2
        * points
        * tiles(shape, tile)
        * shape.batch()
        * shape.inputChannels()
        * shape.outputChannels();
  }

  @Override
  BoundKernel withForm(BoundKernel pack) {
    return pack.with("tile taps", tile, taps());
  }

  @Override
  BoundKernel withSizes(BoundKernel bound) {
    return withForm(bound.with("n h w", shape.batch(), shape.height(), shape.width()));
  }
}
