package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.hs_winograd;
import org.halfstep.device.Activation;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;

/**
 * A 3x3 convolution by our own kernels, all passes by Winograd's algorithm: F(4x4, 3x3) needs a
 * quarter of the multiplications of the direct form, F(2x2, 3x3) four ninths. Relative rounding
 * errors are about 2e-6 and 3e-7, against 3e-7 of the direct form.
 */
final class WinogradConvolution extends KernelConvolution {
  private static final int KERNEL = 3;
  private static final Window WINDOW = Window.square(KERNEL, 1, 1);

  /** Channel counts are multiples of this: a panel of the kernels' products. */
  private static final int CHANNEL_MULTIPLE = 32;

  /** The first of two sources has a multiple of so many channels: a vector. */
  private static final int SOURCE_MULTIPLE = 16;

  /** Sides of the output tiles of F(2x2, 3x3) and F(4x4, 3x3). */
  private static final int SMALL_TILE = 2;

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
                  null, ConvolutionShape.of(1, 8, 8, 32, 32, KERNEL, 1, 1), false, SMALL_TILE)
              .forwardScratchBytes()
          > 0;

  private final int tile;

  /**
   * @param arena for the arguments of launches; outlives them
   * @param tile 2 or 4: the side of the output tiles
   */
  WinogradConvolution(Arena arena, ConvolutionShape shape, boolean training, int tile) {
    super(arena, shape, training);
    this.tile = tile;
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
            && packedBytes(shape.inputChannels(), shape.outputChannels(), LARGE_TILE)
                <= CACHED_WEIGHTS)) {
      return LARGE_TILE;
    }
    return tiles(shape, SMALL_TILE) >= MIN_TILES ? SMALL_TILE : 0;
  }

  /** Whether the first of two sources may hold so many channels. */
  static boolean splitsAt(int channels0) {
    return channels0 % SOURCE_MULTIPLE == 0;
  }

  private static int tiles(ConvolutionShape shape, int side) {
    return ((shape.height() + side - 1) / side) * ((shape.width() + side - 1) / side);
  }

  private static long packedBytes(int in, int out, int tile) {
    long points = (long) (tile + KERNEL - 1) * (tile + KERNEL - 1);
    return Float.BYTES * points * in * out;
  }

  @Override
  String title() {
    return "Winograd F(" + tile + "x" + tile + ")";
  }

  @Override
  long packedBytes(int in, int out) {
    return packedBytes(in, out, tile);
  }

  @Override
  long scratchBytes(int in, int out, boolean gradient) {
    try (Arena temporary = Arena.ofConfined()) {
      return KERNELS.hs_winograd_workspace(sizes(temporary, in, out), gradient ? 1 : 0);
    }
  }

  @Override
  Launch pack(MemorySegment weight, int in, int out, boolean transposed, MemorySegment to) {
    long stride = shape.weightInputStride();
    return () ->
        KERNELS.hs_winograd_pack(NO_STREAM, tile, weight, stride, in, out, transposed ? 1 : 0, to);
  }

  @Override
  public Launch forward(Input input, long weight, Output output, long scratch) {
    MemorySegment args = input(input);
    hs_winograd.packed(args, at(weight));
    hs_winograd.bias(args, at(output.bias()));
    hs_winograd.residual(args, at(output.residual()));
    hs_winograd.y(args, at(output.y()));
    hs_winograd.moments(args, at(output.moments()));
    hs_winograd.workspace(args, at(scratch));
    return () -> KERNELS.hs_winograd_forward(NO_STREAM, args);
  }

  @Override
  Launch product(long x, int in, int out, long weight, long y, long scratch) {
    MemorySegment args = sizes(arena, in, out);
    hs_winograd.x0(args, at(x));
    hs_winograd.packed(args, at(weight));
    hs_winograd.y(args, at(y));
    hs_winograd.workspace(args, at(scratch));
    return () -> KERNELS.hs_winograd_forward(NO_STREAM, args);
  }

  @Override
  Launch gradient(Input input, long dy, MemorySegment dweight, long dbias, long scratch) {
    MemorySegment args = input(input);
    hs_winograd.dy(args, at(dy));
    hs_winograd.dweight(args, dweight);
    hs_winograd.stride(args, shape.weightInputStride());
    hs_winograd.dbias(args, at(dbias));
    hs_winograd.workspace(args, at(scratch));
    return () -> KERNELS.hs_winograd_gradient(NO_STREAM, args);
  }

  private MemorySegment input(Input input) {
    MemorySegment args = sizes(arena, input.channels0(), shape.outputChannels());
    hs_winograd.in1(args, shape.inputChannels() - input.channels0());
    hs_winograd.x0(args, at(input.x0()));
    hs_winograd.x1(args, at(input.x1()));
    hs_winograd.table(args, at(input.table()));
    hs_winograd.silu(args, input.activation() == Activation.SILU ? 1 : 0);
    return args;
  }

  private MemorySegment sizes(Arena memory, int in, int out) {
    MemorySegment args = hs_winograd.allocate(memory);
    hs_winograd.n(args, shape.batch());
    hs_winograd.h(args, shape.height());
    hs_winograd.w(args, shape.width());
    hs_winograd.in0(args, in);
    hs_winograd.out(args, out);
    hs_winograd.tile(args, tile);
    return args;
  }
}
