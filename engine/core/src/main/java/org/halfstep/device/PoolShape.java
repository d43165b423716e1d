package org.halfstep.device;

/**
 * A pool over NHWC images.
 *
 * @param batch samples
 * @param height input height in pixels
 * @param width input width in pixels
 * @param channels channels read and written
 * @param window what each output pixel reads, at least one pixel of it inside the image
 * @param average true for the mean of the pixels inside the image, false for the largest of them
 * @param type storage of input and output
 */
public record PoolShape(
    int batch, int height, int width, int channels, Window window, boolean average, DataType type) {
  public PoolShape {
    if (batch < 1 || height < 1 || width < 1 || channels < 1) {
      throw new IllegalArgumentException(
          "pool sizes must be positive, got batch "
              + batch
              + ", "
              + height
              + "x"
              + width
              + "x"
              + channels);
    }
    window.requireFits(height, width);
    if (window.rowPadding() >= window.height() || window.columnPadding() >= window.width()) {
      throw new IllegalArgumentException("a pool would read nothing but padding with " + window);
    }
  }
}
