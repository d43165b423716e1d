package org.halfstep.device;

/**
 * A convolution that takes over work of its neighbours: it applies the group normalisation of its
 * input while it reads, reads the two halves of a concatenation from where they lie, and leaves the
 * moments of its output for the next normalisation.
 */
public interface FusedConvolution extends Convolution {
  /**
   * What a convolution reads.
   *
   * @param x0 first source
   * @param channels0 its channels
   * @param x1 second source with the remaining channels; 0 for none
   * @param table of {@link Operations#groupNormTable}; 0 to read the sources as they are
   * @param silu whether SiLU follows the normalisation
   */
  record Input(long x0, int channels0, long x1, long table, boolean silu) {}

  /**
   * {@code y = convolution(normalised input) + bias + residual}.
   *
   * @param bias 0 for none; float32 [outputChannels]
   * @param residual 0 for none; same shape as y; may be y itself
   * @param moments 0 for none; those of y, as {@link Operations#channelMoments} writes them
   */
  Launch forward(
      Input input, long weight, long bias, long residual, long y, long moments, long scratch);

  /**
   * Gradients of the weight and, when {@code dbias != 0}, of the bias; both overwritten. The
   * arguments are those of {@link Convolution#backwardWeights}.
   */
  Launch backwardWeights(Input input, long dy, long dweight, long dbias, long scratch);

  /** Bytes of the moments of {@code batch} samples of so many channels. */
  static long momentBytes(int batch, int channels) {
    return 2L * Float.BYTES * batch * channels;
  }

  /** Bytes of the table that a group normalisation of this shape is applied by. */
  static long tableBytes(GroupNormShape shape) {
    return 3L * Float.BYTES * shape.batch() * shape.channels();
  }
}
