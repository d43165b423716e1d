package org.halfstep.image;

import java.awt.image.BufferedImage;
import java.awt.image.WritableRaster;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * A picture of several images, row by row. With one column, one image, no padding and scale 1 it is
 * the image itself.
 *
 * @param columns images in a row
 * @param padding white pixels between images and around the grid
 * @param scale how many picture pixels one image pixel takes in each direction (repeated, not
 *     smoothed)
 */
public record ImageGrid(int columns, int padding, int scale) {
  private static final int BACKGROUND = 255;

  public ImageGrid {
    if (columns < 1 || padding < 0 || scale < 1) {
      throw new IllegalArgumentException(
          "grid of "
              + columns
              + " columns, padding "
              + padding
              + ", scale "
              + scale
              + "; expected at least 1, 0 and 1");
    }
  }

  /**
   * Writes the images as one PNG file, atomically.
   *
   * @param text keys and values kept inside the file, such as seed, steps, guidance; {@link
   *     PngFile#text} reads them
   */
  public void write(Path file, ImageBatch images, Map<String, String> text) throws IOException {
    PngFile.write(file, render(images), text);
  }

  /** Writes one image of a batch as a PNG file of its own size, atomically. */
  public static void writeSingle(Path file, ImageBatch images, int index, Map<String, String> text)
      throws IOException {
    PngFile.write(file, images.image(index), text);
  }

  /** Pixels of a picture of so many images of a size. */
  public long pixels(int count, int height, int width) {
    long rows = (count + columns - 1) / columns;
    long shown = Math.min(columns, count);
    return (padding + shown * ((long) width * scale + padding))
        * (padding + rows * ((long) height * scale + padding));
  }

  /** The picture; grey for one channel, RGB for three. */
  public BufferedImage render(ImageBatch images) {
    if (images.count() == 0) {
      throw new IllegalArgumentException("a grid needs at least one image");
    }
    int rows = (images.count() + columns - 1) / columns;
    int shown = Math.min(columns, images.count());
    int cellWidth = images.width() * scale + padding;
    int cellHeight = images.height() * scale + padding;
    BufferedImage picture =
        new BufferedImage(
            padding + shown * cellWidth,
            padding + rows * cellHeight,
            images.channels() == 1 ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_INT_RGB);
    WritableRaster raster = picture.getRaster();
    for (int y = 0; y < picture.getHeight(); y++) {
      for (int x = 0; x < picture.getWidth(); x++) {
        for (int c = 0; c < images.channels(); c++) {
          raster.setSample(x, y, c, BACKGROUND);
        }
      }
    }
    for (int i = 0; i < images.count(); i++) {
      draw(
          images, i, raster, padding + i % columns * cellWidth, padding + i / columns * cellHeight);
    }
    return picture;
  }

  private void draw(ImageBatch images, int image, WritableRaster raster, int left, int top) {
    for (int y = 0; y < images.height() * scale; y++) {
      for (int x = 0; x < images.width() * scale; x++) {
        for (int c = 0; c < images.channels(); c++) {
          raster.setSample(left + x, top + y, c, images.value(image, y / scale, x / scale, c));
        }
      }
    }
  }
}
