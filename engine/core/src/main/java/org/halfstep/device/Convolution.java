package org.halfstep.device;

import java.util.Set;

/**
 * A convolution prepared for one shape: its primitives exist, its sizes are known, and it is bound
 * to memory by the methods that return a {@link Launch}. All addresses are raw device addresses;
 * sizes are bytes.
 *
 * <p>Weights have two forms: <em>stored</em> (OIHW, float32, as in a checkpoint) and
 * <em>packed</em> (the format that the fastest primitive asks for). {@link #packForward} and {@link
 * #packBackward} turn the stored form into the packed one: once for inference, once per step for
 * training. A primitive that reads the stored form directly needs no packing: {@code
 * packedForwardBytes() == 0} means "pass the stored weight". Scratch memory belongs to the caller
 * and may be shared by everything that does not run at the same time.
 */
public interface Convolution extends AutoCloseable {
  /**
   * What a convolution reads.
   *
   * @param x0 first source
   * @param channels0 its channels
   * @param x1 second source with the remaining channels; 0 for none
   * @param table of {@link Operations#groupNormTable}; 0 to read the sources as they are
   * @param activation what follows the normalisation
   */
  record Input(long x0, int channels0, long x1, long table, Activation activation) {}

  /**
   * What it adds and where it writes.
   *
   * @param bias 0 for none; float32 [outputChannels]
   * @param residual 0 for none; same shape as y; may be y itself (then y is accumulated into)
   * @param y the result
   * @param moments 0 for none; those of y, as {@link Operations#channelMoments} writes them
   */
  record Output(long bias, long residual, long y, long moments) {}

  ConvolutionShape shape();

  /**
   * Multiplications and additions of a pass as it is computed: those of {@link
   * ConvolutionShape#flops}, or fewer where the algorithm needs fewer.
   */
  default long flopsDone() {
    return shape().flops();
  }

  /** What it takes over of the {@link ConvolutionRequest} that it was made for. */
  Set<ConvolutionRequest.Part> taken();

  /** Bytes of the packed weight that {@link #forward} reads; 0 when it reads the stored one. */
  long packedForwardBytes();

  /**
   * Whether {@link #forward} reads the weight where its file is mapped, in the type that it has
   * there ({@link WeightForm#STORED}): then that is what is passed.
   */
  default boolean readsMapped() {
    return false;
  }

  /**
   * How the packed weight of {@link #forward} lies; closed by whoever asks.
   *
   * @throws IllegalStateException when there is none
   */
  PackedLayout packedLayout();

  /** Scratch bytes of {@link #forward}. */
  long forwardScratchBytes();

  /**
   * Stored weight to packed weight, for {@link #forward}.
   *
   * @param bias that of {@link #forward}, since some libraries want it in another type; 0 for none
   */
  Launch packForward(long storedWeight, long bias, long packedWeight);

  /** The same without a bias. */
  default Launch packForward(long storedWeight, long packedWeight) {
    return packForward(storedWeight, 0, packedWeight);
  }

  /**
   * {@code y = activation(convolution(input) + bias + residual)}, as far as that is {@link #taken}:
   * what is not must be 0 in the arguments.
   */
  Launch forward(Input input, long weight, Output output, long scratch);

  /** The same from one source, with nothing taken over but bias and residual; 0 for none. */
  default Launch forward(long x, long weight, long bias, long residual, long y, long scratch) {
    return forward(plain(x), weight, new Output(bias, residual, y, 0), scratch);
  }

  /** One source as it is. */
  private Input plain(long x) {
    return new Input(x, shape().inputChannels(), 0, 0, Activation.NONE);
  }

  /**
   * Bytes of the packed weight that {@link #backwardData} reads; 0 when it reads the stored one.
   */
  long packedBackwardBytes();

  long backwardDataScratchBytes();

  /** Stored weight to packed weight, for {@link #backwardData}. */
  Launch packBackward(long storedWeight, long packedWeight);

  /** {@code dx = } gradient for x; overwrites. */
  Launch backwardData(long dy, long weight, long dx, long scratch);

  /**
   * Bytes of the packed weight gradient; 0 when {@link #backwardWeights} writes the stored form
   * directly.
   */
  long packedGradientBytes();

  long backwardWeightsScratchBytes();

  /**
   * Gradients of the weight and, when {@code dbias != 0}, of the bias; both overwritten.
   *
   * @param dweight packed gradient, or the stored one when {@code packedGradientBytes() == 0}
   */
  Launch backwardWeights(Input input, long dy, long dweight, long dbias, long scratch);

  /** The same from one source as it is. */
  default Launch backwardWeights(long x, long dy, long dweight, long dbias, long scratch) {
    return backwardWeights(plain(x), dy, dweight, dbias, scratch);
  }

  /**
   * Packed weight gradient to the stored form (only this convolution's range of input channels is
   * written).
   */
  Launch unpackGradient(long packedGradient, long storedGradient);

  @Override
  void close();
}
