package org.halfstep.device;

/**
 * A convolution of 8-bit numbers, prepared for one shape: activations are unsigned bytes with one
 * scale and zero point, weights signed bytes with one scale per output channel, and sums are exact
 * 32-bit integers:
 *
 * <p>{@code y[o] = inputScale * weightScale[o] * sum((x - zeroPoint) * w[o]) + bias[o] + residual}
 *
 * <p>Zero padding pads with the zero point. All addresses are raw device addresses; sizes are
 * bytes.
 */
public interface QuantizedConvolution extends AutoCloseable {
  ConvolutionShape shape();

  /** Bytes of the packed weight that {@link #forward} reads. */
  long packedBytes();

  /** How the packed weight lies; closed by whoever asks. */
  PackedLayout packedLayout();

  /** Scratch bytes of {@link #pack} and of {@link #forward}. */
  long scratchBytes();

  /**
   * Packs the weight and the zero point.
   *
   * @param storedWeight float32 OIHW, integers in -127..127
   * @param zeroPoint one float, an integer in 0..255
   * @param packed {@link #packedBytes} bytes
   */
  Launch pack(long storedWeight, long zeroPoint, long packed, long scratch);

  /**
   * @param x unsigned bytes, NHWC
   * @param packed what {@link #pack} wrote
   * @param inputScale one float
   * @param weightScale float32 [outputChannels]
   * @param bias float32 [outputChannels]
   * @param residual 0 for none; same shape and type as y, and not y itself
   * @param y written in the output type
   */
  Launch forward(
      long x,
      long packed,
      long inputScale,
      long weightScale,
      long bias,
      long residual,
      long y,
      long scratch);

  @Override
  void close();
}
