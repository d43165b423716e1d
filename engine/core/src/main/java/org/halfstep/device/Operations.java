package org.halfstep.device;

import java.util.List;

/**
 * The operations of a device, each bound to its memory once and then run many times. Addresses are
 * device addresses, shapes count elements, and {@code accumulate} means "add to what is there". The
 * arithmetic of each is defined in {@code native/include/halfstep.h}. Not thread-safe: one plan
 * owns one instance.
 */
public interface Operations extends AutoCloseable {

  /**
   * A kernel of {@code native/include/halfstep.h}, whose arguments are set by name. So an op binds
   * what it alone computes; what several classes ask for, and what devices compute in ways of their
   * own, has a method below.
   *
   * @param name as the header has it, without "hs_"
   * @throws IllegalArgumentException if there is none
   */
  KernelCall kernel(String name);

  /**
   * A convolution that takes over as much of a request as this device does in one go; a device that
   * fuses nothing takes nothing. What it takes may depend on everything in the request but the
   * batch.
   */
  Convolution convolution(ConvolutionRequest request);

  /**
   * An int8 convolution.
   *
   * @param output storage type of its result and of a residual: float32 or bfloat16
   * @throws UnsupportedOperationException where this device has none, in one line
   */
  default QuantizedConvolution quantizedConvolution(ConvolutionShape shape, DataType output) {
    throw new UnsupportedOperationException(
        "this device has no int8 convolutions: run the model on the CPU, or the float32 model that"
            + " it was made from");
  }

  /**
   * {@link #groupNormForward} whose output is bytes.
   *
   * @param scale address of one float, read when the launch runs
   * @param zeroPoint address of one float, an integer in 0..255
   */
  Launch groupNormQuantize(
      GroupNormShape shape, GroupNormShape.Memory memory, long scale, long zeroPoint);

  long groupNormWorkspaceBytes(GroupNormShape shape, boolean backward);

  Launch groupNormForward(GroupNormShape shape, GroupNormShape.Memory memory);

  Launch groupNormBackward(
      GroupNormShape shape, GroupNormShape.Memory memory, GroupNormShape.Gradients gradients);

  /**
   * Moments [n,2,c] of an image: per sample and channel the mean over the pixels and the sum of
   * squared deviations from it. For devices that take over prologues, like the two below.
   */
  Launch channelMoments(long x, long moments, int batch, int pixels, int channels, DataType type);

  /**
   * Statistics, as {@link #groupNormForward} leaves them, and a table of factors from the moments
   * of the sources. Of {@code memory} it uses weight, bias, modulation and statistics.
   *
   * @param moments1 0 without a second source
   */
  Launch groupNormTable(
      GroupNormShape shape, GroupNormShape.Memory memory, long moments0, long moments1, long table);

  /** What is left of {@link #groupNormForward} once the table is there: y from the sources. */
  Launch groupNormApply(GroupNormShape shape, GroupNormShape.Memory memory, long table);

  long attentionWorkspaceBytes(AttentionShape shape, boolean backward);

  Launch attentionForward(AttentionShape shape, AttentionShape.Memory memory);

  Launch attentionBackward(
      AttentionShape shape, AttentionShape.Memory memory, AttentionShape.Gradients gradients);

  Launch add(long a, long b, long y, long count, DataType type);

  Launch convert(
      long source, DataType sourceType, long destination, DataType destinationType, long count);

  /** {@code y[i] = sum of coefficients[k * batch + i] * xs[k][i]}, up to four terms. */
  Launch linearCombination(
      long y, long[] xs, long coefficients, int batch, long perSample, DataType type);

  /** Writes one double per sample. */
  Launch squaredDistance(long a, long b, long out, int batch, long perSample, DataType type);

  Launch clamp(long x, long y, float low, float high, long count, DataType type);

  Launch softmaxCrossEntropy(
      long logits, long ids, long losses, long dlogits, float dloss, int batch, int classes);

  /**
   * One step of Adam. The gradient is scaled down to the norm that {@code values} allow; where
   * {@code squareSum} is not finite, nothing is written.
   *
   * @param values address of {@link AdamValues}, read when the launch runs
   * @param squareSum address of the sum of squares of all gradients, one double, read likewise
   * @param ema 0 for no moving average
   */
  Launch adam(
      AdamSettings settings,
      long values,
      long squareSum,
      long parameters,
      long gradients,
      long m,
      long v,
      long ema,
      long count);

  /** Bytes of workspace of {@link #squareSum}. */
  long squareSumWorkspaceBytes(long count);

  /** Writes one double: the sum of squares. */
  Launch squareSum(long x, long out, long workspace, long count);

  /**
   * Standard normal noise, Philox keyed by (seed, sample id, draw).
   *
   * @param key address of an int64 seed and, 8 bytes on, a uint32 draw, both read when the launch
   *     runs
   * @param sampleIds int64 per sample
   */
  Launch normal(long y, long key, long sampleIds, int batch, long perSample, DataType type);

  /**
   * Makes one launch of several, of this or of other operations of the same stream ({@link
   * Device#stream}). A sequence among them counts as its launches.
   */
  Sequence record(List<Launch> launches);

  /** Frees everything bound through this instance. */
  @Override
  void close();
}
