package org.halfstep.device;

/**
 * The pixels that one output pixel of a convolution or a pool reads: a rectangle that moves over an
 * image with zero padding.
 *
 * @param height rows
 * @param width columns
 * @param stride step in both directions
 * @param top rows of zeros above the image
 * @param bottom rows of zeros below it
 * @param left columns of zeros to the left of it
 * @param right columns of zeros to the right of it
 */
public record Window(int height, int width, int stride, int top, int bottom, int left, int right) {
  /** A single pixel: what 1x1 convolutions and linear layers read. */
  public static final Window PIXEL = square(1, 1, 0);

  public Window {
    if (height < 1 || width < 1 || stride < 1) {
      throw new IllegalArgumentException(
          "the sizes and the stride of a window must be positive, got "
              + height
              + "x"
              + width
              + ", stride "
              + stride);
    }
    if (top < 0 || bottom < 0 || left < 0 || right < 0) {
      throw new IllegalArgumentException(
          "the padding of a window must be at least 0 on each side, got "
              + padding(top, bottom, left, right));
    }
  }

  /** Padded alike on opposite sides. */
  public Window(int height, int width, int stride, int rowPadding, int columnPadding) {
    this(height, width, stride, rowPadding, rowPadding, columnPadding, columnPadding);
  }

  /** A square one, padded alike on every side. */
  public static Window square(int side, int stride, int padding) {
    return new Window(side, side, stride, padding, padding);
  }

  /** A square one, padded below and to the right of the image only. */
  public static Window squareFromCorner(int side, int stride, int padding) {
    return new Window(side, side, stride, 0, padding, 0, padding);
  }

  /** Whether it is as high as wide and padded alike on every side. */
  public boolean isSquare() {
    return height == width && isSymmetric() && top == left;
  }

  /** Whether opposite sides are padded alike. */
  public boolean isSymmetric() {
    return top == bottom && left == right;
  }

  /** The same over an image that has its padding already. */
  public Window unpadded() {
    return new Window(height, width, stride, 0, 0);
  }

  /** Pixels in the window. */
  public int taps() {
    return height * width;
  }

  /** Rows of an image of so many with its padding. */
  public int paddedHeight(int inputHeight) {
    return inputHeight + top + bottom;
  }

  /** Columns of an image of so many with its padding. */
  public int paddedWidth(int inputWidth) {
    return inputWidth + left + right;
  }

  /** Rows of the output for an input of so many. */
  public int outputHeight(int inputHeight) {
    return (paddedHeight(inputHeight) - height) / stride + 1;
  }

  /** Columns of the output for an input of so many. */
  public int outputWidth(int inputWidth) {
    return (paddedWidth(inputWidth) - width) / stride + 1;
  }

  /**
   * Checks that the window fits into a padded image.
   *
   * @throws IllegalArgumentException if it does not fit
   */
  public void requireFits(int inputHeight, int inputWidth) {
    if (paddedHeight(inputHeight) < height || paddedWidth(inputWidth) < width) {
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
              + padding(top, bottom, left, right));
    }
  }

  private static String padding(int top, int bottom, int left, int right) {
    return top + " above, " + bottom + " below, " + left + " left and " + right + " right";
  }
}
