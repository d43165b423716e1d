package org.halfstep.device;

/**
 * The pixels that one output pixel of a convolution or a pool reads: a rectangle that moves over an
 * image with zero padding.
 *
 * @param height rows
 * @param width columns
 * @param stride step in both directions
 * @param rowPadding rows of zeros above and below the image
 * @param columnPadding columns of zeros on either side of it
 */
public record Window(int height, int width, int stride, int rowPadding, int columnPadding) {
  /** A single pixel: what 1x1 convolutions and linear layers read. */
  public static final Window PIXEL = square(1, 1, 0);

  public Window {
    if (height < 1 || width < 1 || stride < 1 || rowPadding < 0 || columnPadding < 0) {
      throw new IllegalArgumentException(
          "a window of "
              + height
              + "x"
              + width
              + ", stride "
              + stride
              + ", padding "
              + rowPadding
              + " and "
              + columnPadding
              + "; sizes and stride must be positive, paddings at least 0");
    }
  }

  /** A square one, padded alike in both directions. */
  public static Window square(int side, int stride, int padding) {
    return new Window(side, side, stride, padding, padding);
  }

  public boolean isSquare() {
    return height == width && rowPadding == columnPadding;
  }

  /** Pixels in the window. */
  public int taps() {
    return height * width;
  }

  /** Rows of the output for an input of so many. */
  public int outputHeight(int inputHeight) {
    return (inputHeight + 2 * rowPadding - height) / stride + 1;
  }

  /** Columns of the output for an input of so many. */
  public int outputWidth(int inputWidth) {
    return (inputWidth + 2 * columnPadding - width) / stride + 1;
  }

  /**
   * Fails when the window does not fit into a padded image.
   *
   * @throws IllegalArgumentException then
   */
  public void requireFits(int inputHeight, int inputWidth) {
    if (inputHeight + 2 * rowPadding < height || inputWidth + 2 * columnPadding < width) {
      throw new IllegalArgumentException(
          "a window of "
              + height
              + "x"
              + width
              + " does not fit "
              + inputHeight
              + "x"
              + inputWidth
              + " with padding "
              + rowPadding
              + " and "
              + columnPadding);
    }
  }
}
