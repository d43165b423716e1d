package org.halfstep.device;

/**
 * The shape of a 2-d convolution over NHWC images with zero padding.
 *
 * <p>A linear layer is the case {@code height = width = 1} with a window of one pixel. {@code
 * weightInputStride} is the number of input channels of the stored OIHW weight, which is larger
 * than {@code inputChannels} when this convolution reads only a range of them (one half of a
 * concatenation); {@code weightInputOffset} is where that range starts.
 *
 * @param batch samples
 * @param height input height in pixels
 * @param width input width in pixels
 * @param inputChannels channels read
 * @param outputChannels channels written
 * @param window the kernel's size, step and padding
 * @param weightInputStride input channels of the stored weight
 * @param weightInputOffset first of them that this convolution reads
 */
public record ConvolutionShape(
    int batch,
    int height,
    int width,
    int inputChannels,
    int outputChannels,
    Window window,
    int weightInputStride,
    int weightInputOffset) {

  public ConvolutionShape {
    if (batch < 1 || height < 1 || width < 1 || inputChannels < 1 || outputChannels < 1) {
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
              + outputChannels);
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
    window.requireFits(height, width);
  }

  /** A square kernel and the same padding on every side. */
  public ConvolutionShape(
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
    this(
        batch,
        height,
        width,
        inputChannels,
        outputChannels,
        Window.square(kernel, stride, padding),
        weightInputStride,
        weightInputOffset);
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

  /** The side of a square kernel. */
  public int kernel() {
    requireSquare();
    return window.height();
  }

  /** The step in both directions. */
  public int stride() {
    return window.stride();
  }

  /** Zeros on every side, where they are as many in both directions. */
  public int padding() {
    requireSquare();
    return window.top();
  }

  private void requireSquare() {
    if (!window.isSquare()) {
      throw new IllegalStateException(
          "the kernel of " + window + " is not square; its height and width must be asked for");
    }
  }

  /**
   * The same work on one row of pixels where that is possible. A 1x1 convolution treats each pixel
   * alone, so its images may be seen as one row of pixels. That is up to three times faster for
   * linear layers, which would otherwise be many images of one pixel (a matrix product per image),
   * and never slower.
   */
  public ConvolutionShape withoutGeometry() {
    if (!window.equals(Window.PIXEL)) {
      return this;
    }
    int pixels = Math.multiplyExact(Math.multiplyExact(batch, height), width);
    return new ConvolutionShape(
        1,
        1,
        pixels,
        inputChannels,
        outputChannels,
        Window.PIXEL,
        weightInputStride,
        weightInputOffset);
  }

  public int outputHeight() {
    return window.outputHeight(height);
  }

  public int outputWidth() {
    return window.outputWidth(width);
  }

  /** Multiplications and additions of one forward pass. */
  public long flops() {
    return 2L
        * batch
        * outputHeight()
        * outputWidth()
        * inputChannels
        * outputChannels
        * window.taps();
  }
}
