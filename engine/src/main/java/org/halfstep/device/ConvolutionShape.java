package org.halfstep.device;

/**
 * The shape of a 2-d convolution over NHWC images with zero padding.
 *
 * <p>A linear layer is the case {@code height = width = kernel = 1}. {@code weightInputStride} is
 * the number of input channels of the stored OIHW weight, which is larger than {@code
 * inputChannels} when this convolution reads only a range of them (one half of a concatenation);
 * {@code weightInputOffset} is where that range starts.
 *
 * @param batch samples
 * @param height input height in pixels
 * @param width input width in pixels
 * @param inputChannels channels read
 * @param outputChannels channels written
 * @param kernel kernel side, 1 or 3 in the networks here
 * @param stride step in both directions
 * @param padding zeros added on every side
 * @param weightInputStride input channels of the stored weight
 * @param weightInputOffset first of them that this convolution reads
 */
public record ConvolutionShape(
    int batch,
    int height,
    int width,
    int inputChannels,
    int outputChannels,
    int kernel,
    int stride,
    int padding,
    int weightInputStride,
    int weightInputOffset) {

  public ConvolutionShape {
    if (batch < 1
        || height < 1
        || width < 1
        || inputChannels < 1
        || outputChannels < 1
        || kernel < 1
        || stride < 1
        || padding < 0) {
      throw new IllegalArgumentException(
          "convolution sizes must be positive, got batch "
              + batch
              + ", "
              + height
              + "x"
              + width
              + "x"
              + inputChannels
              + " to "
              + outputChannels
              + ", kernel "
              + kernel
              + ", stride "
              + stride
              + ", padding "
              + padding);
    }
    if (weightInputOffset < 0 || weightInputOffset + inputChannels > weightInputStride) {
      throw new IllegalArgumentException(
          "input channels "
              + weightInputOffset
              + ".."
              + (weightInputOffset + inputChannels)
              + " lie outside the weight's "
              + weightInputStride);
    }
    if (height + 2 * padding < kernel || width + 2 * padding < kernel) {
      throw new IllegalArgumentException(
          "a "
              + kernel
              + "x"
              + kernel
              + " kernel does not fit "
              + height
              + "x"
              + width
              + " with padding "
              + padding);
    }
  }

  /** A convolution that reads all input channels of its weight. */
  public static ConvolutionShape of(
      int batch,
      int height,
      int width,
      int inputChannels,
      int outputChannels,
      int kernel,
      int stride,
      int padding) {
    return new ConvolutionShape(
        batch,
        height,
        width,
        inputChannels,
        outputChannels,
        kernel,
        stride,
        padding,
        inputChannels,
        0);
  }

  /** A linear layer on {@code rows} vectors. */
  public static ConvolutionShape linear(int rows, int inputs, int outputs) {
    return of(rows, 1, 1, inputs, outputs, 1, 1, 0);
  }

  public int outputHeight() {
    return (height + 2 * padding - kernel) / stride + 1;
  }

  public int outputWidth() {
    return (width + 2 * padding - kernel) / stride + 1;
  }

  /** Multiplications and additions of one forward pass. */
  public long flops() {
    return 2L
        * batch
        * outputHeight()
        * outputWidth()
        * inputChannels
        * outputChannels
        * kernel
        * kernel;
  }
}
