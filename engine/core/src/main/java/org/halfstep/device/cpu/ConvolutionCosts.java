package org.halfstep.device.cpu;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.WeightChoice;

/**
 * What the ways to compute a 3x3 convolution in float32 cost in memory and time, by a model of two
 * terms: arithmetic at the rate of each algorithm, and the packed weight read once per batch. Its
 * rates were measured on two cores of an AMD EPYC with AVX-512 ({@code bench/convolutions}); only
 * their ratios matter, and these follow from the numbers of multiplications.
 */
final class ConvolutionCosts {
  /** Operations of the direct form per millisecond. */
  private static final double DIRECT = 230e6;

  private static final double SMALL_TILES = 430e6;
  private static final double LARGE_TILES = 740e6;

  /** Bytes of weights per millisecond. */
  private static final double BYTES = 41e6;

  /** Images evaluated together beside one alone. */
  private static final int TOGETHER = 8;

  private ConvolutionCosts() {}

  /** The choices for one convolution, the one that is taken without a limit first. */
  static List<WeightChoice> of(ConvolutionShape shape) {
    int fastest = WinogradConvolution.tile(ConvolutionAlgorithm.FASTEST, shape, DataType.F32);
    if (fastest == 0) {
      return List.of();
    }
    List<WeightChoice> choices = new ArrayList<>();
    if (fastest == WinogradConvolution.LARGE_TILE) {
      choices.add(choice(shape, ConvolutionAlgorithm.WINOGRAD4, 36, LARGE_TILES));
    }
    choices.add(choice(shape, ConvolutionAlgorithm.WINOGRAD2, 16, SMALL_TILES));
    choices.add(choice(shape, ConvolutionAlgorithm.DIRECT, 9, DIRECT));
    return choices;
  }

  private static WeightChoice choice(
      ConvolutionShape shape, ConvolutionAlgorithm algorithm, int points, double rate) {
    long bytes = (long) Float.BYTES * points * shape.inputChannels() * shape.outputChannels();
    double arithmetic = shape.flops() / shape.batch() / rate;
    double alone = Math.max(arithmetic, bytes / BYTES);
    double together = Math.max(arithmetic, bytes / BYTES / TOGETHER);
    return new WeightChoice(algorithm, bytes, (alone + together) / 2);
  }
}
