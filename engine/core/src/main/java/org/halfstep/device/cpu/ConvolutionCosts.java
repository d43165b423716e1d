package org.halfstep.device.cpu;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.WeightChoice;
import org.halfstep.device.WeightForm;

/**
 * What the ways to compute a convolution in float32 cost in memory and time, by a model of four
 * terms: arithmetic at the rate of each algorithm, the packed weight read once per batch, taps
 * transformed once per round of tiles, and weights that are read where they are stored brought into
 * order as often. Its rates were measured on two cores of an AMD EPYC with AVX-512 ({@code
 * bench/convolutions}); only their ratios matter, and these follow from the numbers of operations.
 */
final class ConvolutionCosts {
  /** Operations of the direct form per millisecond. */
  private static final double DIRECT = 230e6;

  private static final double SMALL_TILES = 430e6;
  private static final double LARGE_TILES = 740e6;

  /** The same where weights are kept as taps: what is multiplied passes by once per panel. */
  private static final double SMALL_TILES_OF_TAPS = 400e6;

  private static final double LARGE_TILES_OF_TAPS = 550e6;

  /** Filters whose taps are transformed per millisecond. */
  private static final double SMALL_TRANSFORMS = 0.9e6;

  private static final double LARGE_TRANSFORMS = 0.37e6;

  /** Bytes of weights per millisecond. */
  private static final double BYTES = 41e6;

  /**
   * Bytes of packed weights per millisecond: nearly all of it is fresh memory's first touch, which
   * threads share. A picture of Stable Diffusion's size takes as long with 1.2e6.
   */
  private static final double PACKED = 2.4e6;

  /** Numbers of a stored weight that are brought into order per millisecond. */
  private static final double ORDERED = 9e6;

  /**
   * A product brings a stored weight into order once for so many pieces of its pixels, or fewer.
   */
  private static final int PIECES = 4;

  private static final int PIECE = 48;

  /** Bytes that such pieces take at most. */
  private static final int PIECES_BYTES = 512 << 10;

  /** Images evaluated together beside one alone. */
  private static final int TOGETHER = 8;

  private final ConvolutionShape shape;

  /** How the numbers of the weight are stored. */
  private final DataType stored;

  /** Whether they may be read where they are. */
  private final boolean mapped;

  private ConvolutionCosts(ConvolutionShape shape, DataType stored, boolean mapped) {
    this.shape = shape;
    this.stored = stored;
    this.mapped = mapped;
  }

  /**
   * The choices for one convolution: the one that is taken without a limit, then smaller and
   * smaller ones. Empty where the packed weight is a library's.
   *
   * @param stored how the numbers of the weight are stored: F32, F16 or BF16
   * @param mapped whether they may be read where they are
   */
  static List<WeightChoice> of(ConvolutionShape shape, DataType stored, boolean mapped) {
    ConvolutionCosts costs = new ConvolutionCosts(shape, stored, mapped);
    if (PointwiseConvolution.isChosen(ConvolutionAlgorithm.FASTEST, shape, DataType.F32)) {
      return mapped
          ? List.of(costs.pointwise(), costs.storedPointwise())
          : List.of(costs.pointwise());
    }
    return switch (WinogradConvolution.tile(ConvolutionAlgorithm.FASTEST, shape, DataType.F32)) {
      case WinogradConvolution.LARGE_TILE ->
          costs.decreasing(
              costs.transformed(ConvolutionAlgorithm.WINOGRAD4),
              costs.taps(ConvolutionAlgorithm.WINOGRAD4),
              costs.storedTaps(ConvolutionAlgorithm.WINOGRAD4),
              costs.transformed(ConvolutionAlgorithm.WINOGRAD2),
              costs.taps(ConvolutionAlgorithm.WINOGRAD2),
              costs.direct());
      case WinogradConvolution.SMALL_TILE ->
          costs.decreasing(
              costs.transformed(ConvolutionAlgorithm.WINOGRAD2),
              costs.taps(ConvolutionAlgorithm.WINOGRAD2),
              costs.storedTaps(ConvolutionAlgorithm.WINOGRAD2),
              costs.direct());
      default -> List.of();
    };
  }

  /** The first, and each of the others that is smaller than everything faster. */
  private List<WeightChoice> decreasing(WeightChoice first, WeightChoice... others) {
    List<WeightChoice> sorted = new ArrayList<>(List.of(others));
    sorted.removeIf(way -> way.form() == WeightForm.STORED && !mapped);
    sorted.sort(
        Comparator.comparingDouble(WeightChoice::milliseconds)
            .thenComparingLong(WeightChoice::bytes));
    List<WeightChoice> kept = new ArrayList<>(List.of(first));
    for (WeightChoice choice : sorted) {
      if (choice.bytes() < kept.getLast().bytes()) {
        kept.add(choice);
      }
    }
    return kept;
  }

  private WeightChoice pointwise() {
    long bytes =
        PointwiseConvolution.packedBytes(shape.inputChannels(), shape.outputChannels(), stored);
    double arithmetic = arithmetic(DIRECT);
    return choice(
        ConvolutionAlgorithm.DIRECT, WeightForm.PACKED, stored, bytes, arithmetic, arithmetic);
  }

  private WeightChoice storedPointwise() {
    double arithmetic = arithmetic(DIRECT);
    int pixels = shape.height() * shape.width();
    return choice(
        ConvolutionAlgorithm.DIRECT,
        WeightForm.STORED,
        stored,
        0,
        arithmetic + filters() / ORDERED * blocks(pixels),
        arithmetic + filters() / ORDERED * blocks(TOGETHER * pixels) / TOGETHER);
  }

  private int blocks(int pixels) {
    int fitting = PIECES_BYTES / (PIECE * Float.BYTES * shape.inputChannels());
    return Math.ceilDiv(pixels, PIECE * Math.clamp(fitting, 1, PIECES));
  }

  private WeightChoice direct() {
    long bytes = DataType.F32.bytes() * filters() * shape.window().taps();
    double arithmetic = arithmetic(DIRECT);
    return choice(
        ConvolutionAlgorithm.DIRECT,
        WeightForm.PACKED,
        DataType.F32,
        bytes,
        arithmetic,
        arithmetic);
  }

  private WeightChoice transformed(ConvolutionAlgorithm algorithm) {
    long bytes =
        WinogradConvolution.transformedBytes(
            shape.inputChannels(), shape.outputChannels(), side(algorithm));
    double arithmetic =
        arithmetic(algorithm == ConvolutionAlgorithm.WINOGRAD4 ? LARGE_TILES : SMALL_TILES);
    return choice(algorithm, WeightForm.PACKED, DataType.F32, bytes, arithmetic, arithmetic);
  }

  private WeightChoice taps(ConvolutionAlgorithm algorithm) {
    long bytes = stored.bytes() * filters() * shape.window().taps();
    return ofTaps(algorithm, WeightForm.TAPS, bytes, 0);
  }

  private WeightChoice storedTaps(ConvolutionAlgorithm algorithm) {
    return ofTaps(algorithm, WeightForm.STORED, 0, filters() * shape.window().taps() / ORDERED);
  }

  /**
   * @param order milliseconds for bringing the taps into order, in each round
   */
  private WeightChoice ofTaps(
      ConvolutionAlgorithm algorithm, WeightForm form, long bytes, double order) {
    boolean large = algorithm == ConvolutionAlgorithm.WINOGRAD4;
    double arithmetic = arithmetic(large ? LARGE_TILES_OF_TAPS : SMALL_TILES_OF_TAPS);
    double round = filters() / (large ? LARGE_TRANSFORMS : SMALL_TRANSFORMS) + order;
    int tiles = WinogradConvolution.tiles(shape, side(algorithm));
    return choice(
        algorithm,
        form,
        stored,
        bytes,
        arithmetic + round * WinogradConvolution.rounds(tiles),
        arithmetic + round * WinogradConvolution.rounds(TOGETHER * tiles) / TOGETHER);
  }

  private static int side(ConvolutionAlgorithm algorithm) {
    return algorithm == ConvolutionAlgorithm.WINOGRAD4
        ? WinogradConvolution.LARGE_TILE
        : WinogradConvolution.SMALL_TILE;
  }

  private long filters() {
    return (long) shape.inputChannels() * shape.outputChannels();
  }

  private double arithmetic(double rate) {
    return shape.flops() / shape.batch() / rate;
  }

  /**
   * @param alone milliseconds of an image evaluated alone, its weight in the caches
   * @param together the same of one of several evaluated together
   */
  private static WeightChoice choice(
      ConvolutionAlgorithm algorithm,
      WeightForm form,
      DataType type,
      long bytes,
      double alone,
      double together) {
    double milliseconds =
        (Math.max(alone, bytes / BYTES) + Math.max(together, bytes / BYTES / TOGETHER)) / 2;
    return new WeightChoice(algorithm, form, type, bytes, milliseconds, bytes / PACKED);
  }
}
