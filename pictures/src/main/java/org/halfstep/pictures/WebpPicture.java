package org.halfstep.pictures;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.halfstep.image.Resampling;

/** Pictures in WebP, with transparency. */
final class WebpPicture {
  private static final int LARGEST_SIDE = 4096;
  private static final int CHANNELS = 3;

  private WebpPicture() {}

  /** A file as it is stored. */
  static BufferedImage read(Path file) throws IOException {
    try (ImageInputStream input = ImageIO.createImageInputStream(file.toFile())) {
      Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("webp");
      if (!readers.hasNext()) {
        throw new IllegalStateException("the reader of WebP is not on the class path");
      }
      ImageReader reader = readers.next();
      try {
        reader.setInput(input, true, true);
        int width = reader.getWidth(0);
        int height = reader.getHeight(0);
        if (width > LARGEST_SIDE || height > LARGEST_SIDE) {
          throw new IOException(
              width + "x" + height + " pixels; expected sides up to " + LARGEST_SIDE);
        }
        return reader.read(0);
      } catch (RuntimeException damaged) {
        // Damage is answered with exceptions of every kind.
        throw new IOException("is no WebP file, or a damaged one: " + damaged, damaged);
      } finally {
        reader.dispose();
      }
    }
  }

  /** The largest square in its middle on white, in another size by a Lanczos filter. */
  static BufferedImage draw(Path file, int side) throws IOException {
    BufferedImage stored = read(file);
    BufferedImage white =
        new BufferedImage(stored.getWidth(), stored.getHeight(), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = white.createGraphics();
    graphics.drawImage(stored, 0, 0, Color.WHITE, null);
    graphics.dispose();
    Raster raster = white.getRaster();
    float[] values = raster.getPixels(0, 0, white.getWidth(), white.getHeight(), (float[]) null);
    float[] resized =
        Resampling.cropAndResize(values, white.getHeight(), white.getWidth(), CHANNELS, side, side);
    int[] samples = new int[resized.length];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = Math.clamp(Math.round(resized[i]), 0, 255);
    }
    BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    image.getRaster().setPixels(0, 0, side, side, samples);
    return image;
  }
}
