package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.hs_winograd;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.FusedConvolution;
import org.halfstep.device.Launch;
import org.halfstep.device.Window;

/**
 * A 3x3 convolution by our own kernels, all passes by Winograd's algorithm: F(4x4, 3x3) needs a
 * quarter of the multiplications of the direct form, F(2x2, 3x3) four ninths. Relative rounding
 * errors are about 2e-6 and 3e-7, against 3e-7 of the direct form.
 */
final class WinogradConvolution implements FusedConvolution {
  private static final Kernels KERNELS = Kernels.cpu();
  private static final MemorySegment NO_STREAM = MemorySegment.NULL;
  private static final int KERNEL = 3;
  private static final Window WINDOW = Window.square(KERNEL, 1, 1);

  /** Channel counts are multiples of this: a panel of the kernels' products. */
  private static final int CHANNEL_MULTIPLE = 32;

  /** The first of two sources has a multiple of so many channels: a vector. */
  private static final int SOURCE_MULTIPLE = 16;

  /** Sides of the output tiles of F(2x2, 3x3) and F(4x4, 3x3). */
  private static final int SMALL_TILE = 2;

  private static final int LARGE_TILE = 4;

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

  private final Arena arena;
  private final ConvolutionShape shape;
  private final boolean training;
  private final int tile;

  /**
   * @param arena for the arguments of launches; outlives them
   * @param tile 2 or 4: the side of the output tiles
   */
  WinogradConvolution(Arena arena, ConvolutionShape shape, boolean training, int tile) {
    this.arena = arena;
    this.shape = shape;
    this.training = training;
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
        && !shape.relu()
        && shape.inputChannels() % CHANNEL_MULTIPLE == 0
        && shape.outputChannels() % CHANNEL_MULTIPLE == 0;
  }

  private static int fastest(ConvolutionShape shape) {
    int large = tiles(shape, LARGE_TILE);
    if (large >= MANY_LARGE_TILES
        || (large >= MIN_TILES && packedBytes(shape, LARGE_TILE) <= CACHED_WEIGHTS)) {
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

  @Override
  public ConvolutionShape shape() {
    return shape;
  }

  // ---- Forward
  // ------------------------------------------------------------------------------------

  private static long packedBytes(ConvolutionShape shape, int tile) {
    long points = (long) (tile + KERNEL - 1) * (tile + KERNEL - 1);
    return Float.BYTES * points * shape.inputChannels() * shape.outputChannels();
  }

  @Override
  public long packedForwardBytes() {
    return packedBytes(shape, tile);
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
    hs_winograd.packed(args, at(weight));
    hs_winograd.bias(args, at(bias));
    hs_winograd.residual(args, at(residual));
    hs_winograd.y(args, at(y));
    hs_winograd.moments(args, at(moments));
    hs_winograd.workspace(args, at(scratch));
    return () -> KERNELS.hs_winograd_forward(NO_STREAM, args);
  }

  // ---- Gradient of the input
  // ----------------------------------------------------------------------

  @Override
  public long packedBackwardBytes() {
    return training ? packedBytes(shape, tile) : 0;
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
    hs_winograd.x0(args, at(dy));
    hs_winograd.packed(args, at(weight));
    hs_winograd.y(args, at(dx));
    hs_winograd.workspace(args, at(scratch));
    return () -> KERNELS.hs_winograd_forward(NO_STREAM, args);
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
    hs_winograd.dy(args, at(dy));
    hs_winograd.dweight(args, at(stored(dweight)));
    hs_winograd.stride(args, shape.weightInputStride());
    hs_winograd.dbias(args, at(dbias));
    hs_winograd.workspace(args, at(scratch));
    return () -> KERNELS.hs_winograd_gradient(NO_STREAM, args);
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
    hs_winograd.in1(args, shape.inputChannels() - input.channels0());
    hs_winograd.x0(args, at(input.x0()));
    hs_winograd.x1(args, at(input.x1()));
    hs_winograd.table(args, at(input.table()));
    hs_winograd.silu(args, input.silu() ? 1 : 0);
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

  private long scratchBytes(int in, int out, boolean gradient) {
    try (Arena temporary = Arena.ofConfined()) {
      return KERNELS.hs_winograd_workspace(sizes(temporary, in, out), gradient ? 1 : 0);
    }
  }

  private Launch pack(long storedWeight, long packed, int in, int out, int transposed) {
    MemorySegment weight = at(stored(storedWeight));
    MemorySegment target = at(packed);
    long stride = shape.weightInputStride();
    return () ->
        KERNELS.hs_winograd_pack(NO_STREAM, tile, weight, stride, in, out, transposed, target);
  }

  /** Address 0 is the null pointer. */
  private static MemorySegment at(long address) {
    return MemorySegment.ofAddress(address);
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
