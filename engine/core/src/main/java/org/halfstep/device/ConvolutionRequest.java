package org.halfstep.device;

/**
 * What an op would like one convolution to do: the sums, what comes before them and what comes
 * after them. A device takes over as much as it can in one go and says so ({@link
 * Convolution#taken}); the op emits the rest as launches of its own.
 *
 * @param shape of the sums
 * @param channels0 input channels that the first of two sources holds; all for a single source
 * @param type storage type of what is read and written
 * @param training whether the backward passes exist
 * @param weights how it is computed and its weight packed where the network decided that; null to
 *     let the device choose, which packs in float32
 * @param prologue what is done to what is read; null for nothing
 * @param epilogue what is done to the sums
 */
public record ConvolutionRequest(
    ConvolutionShape shape,
    int channels0,
    DataType type,
    boolean training,
    WeightChoice weights,
    Prologue prologue,
    Epilogue epilogue) {
  /**
   * A group normalisation with modulation, by a table of factors per sample and channel, and what
   * follows it.
   *
   * @param activation NONE or SILU
   */
  public record Prologue(Activation activation) {}

  /**
   * What follows the sums, in this order.
   *
   * @param bias whether a bias per channel is added
   * @param residual whether an image of the output's shape is added
   * @param activation applied to all that; other than NONE for inference only
   * @param moments whether somebody wants the moments of the output
   */
  public record Epilogue(boolean bias, boolean residual, Activation activation, boolean moments) {}

  /** The parts that a convolution may take over; bias and residual every one does. */
  public enum Part {
    /** It reads two sources where they lie, as one image of all channels. */
    SOURCES,
    /** It normalises while it reads. */
    PROLOGUE,
    /** It applies the activation. */
    ACTIVATION,
    /** It leaves the moments of its output. */
    MOMENTS
  }

  public ConvolutionRequest {
    if (channels0 < 1 || channels0 > shape.inputChannels()) {
      throw new IllegalArgumentException(
          "the first source has 1 to " + shape.inputChannels() + " channels, got " + channels0);
    }
    if (training && epilogue.activation() != Activation.NONE) {
      throw new IllegalArgumentException(
          "a convolution with an activation behind it is for inference only");
    }
  }

  /** A convolution of one source and nothing else than a bias and a residual, where given. */
  public static ConvolutionRequest plain(ConvolutionShape shape, DataType type, boolean training) {
    return new ConvolutionRequest(
        shape,
        shape.inputChannels(),
        type,
        training,
        null,
        null,
        new Epilogue(true, true, Activation.NONE, false));
  }

  /** Whether there are two sources. */
  public boolean hasTwoSources() {
    return channels0 < shape.inputChannels();
  }
}
