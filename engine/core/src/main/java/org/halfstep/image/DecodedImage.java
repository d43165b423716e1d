package org.halfstep.image;

import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;

/**
 * A decoded picture whose values are asked for row by row, as it is stored: a large photograph is
 * never in memory as floats. Grey samples are read as they are; Java takes them for linear light
 * and would change them on the way to sRGB. Transparent parts become white.
 */
final class DecodedImage implements Resampling.Rows {
  private final BufferedImage image;
  private final int channels;
  private final boolean rawGrey;
  private final boolean palette;
  private int[] samples = new int[0];

  /**
   * @param channels 1 for luma of Rec. 601, or 3
   * @param grey whether it has no colours
   */
  DecodedImage(BufferedImage image, int channels, boolean grey) {
    this.image = image;
    this.channels = channels;
    this.palette = image.getColorModel() instanceof IndexColorModel;
    this.rawGrey = grey && !palette;
  }

  @Override
  public int height() {
    return image.getHeight();
  }

  @Override
  public int width() {
    return image.getWidth();
  }

  @Override
  public int channels() {
    return channels;
  }

  @Override
  public void read(int y, float[] row) {
    if (rawGrey) {
      greyRow(y, row);
    } else {
      colourRow(y, row);
    }
  }

  private void greyRow(int y, float[] row) {
    ColorModel model = image.getColorModel();
    boolean alpha = model.hasAlpha();
    float scale = 255f / ((1 << model.getComponentSize(0)) - 1);
    int bands = image.getRaster().getNumBands();
    if (samples.length < width() * bands) {
      samples = new int[width() * bands];
    }
    image.getRaster().getPixels(0, y, width(), 1, samples);
    int target = 0;
    for (int x = 0; x < width(); x++) {
      float grey = samples[x * bands] * scale;
      if (alpha) {
        grey = overWhite(grey, samples[x * bands + 1] * scale / 255f);
      }
      for (int c = 0; c < channels; c++) {
        row[target++] = grey;
      }
    }
  }

  private void colourRow(int y, float[] row) {
    if (samples.length < width()) {
      samples = new int[width()];
    }
    image.getRGB(0, y, width(), 1, samples, 0, width());
    int target = 0;
    for (int x = 0; x < width(); x++) {
      int argb = samples[x];
      float opacity = (argb >>> 24) / 255f;
      float red = overWhite(argb >> 16 & 0xff, opacity);
      float green = overWhite(argb >> 8 & 0xff, opacity);
      float blue = overWhite(argb & 0xff, opacity);
      if (channels == 1) {
        row[target++] = 0.299f * red + 0.587f * green + 0.114f * blue;
      } else {
        row[target++] = red;
        row[target++] = green;
        row[target++] = blue;
      }
    }
  }

  private static float overWhite(float value, float opacity) {
    return 255 + (value - 255) * opacity;
  }
}
