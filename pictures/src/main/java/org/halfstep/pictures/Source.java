package org.halfstep.pictures;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;

/** Where a picture comes from. */
sealed interface Source {
  /** Draws it on white, in a square of a side in pixels. */
  BufferedImage draw(int side) throws IOException;

  /**
   * An icon of a set.
   *
   * @param svg the whole document
   */
  record Icon(String svg) implements Source {
    @Override
    public BufferedImage draw(int side) throws IOException {
      return SvgDrawing.of(svg.getBytes(java.nio.charset.StandardCharsets.UTF_8)).draw(side);
    }
  }

  /** A drawing in a file of its own. */
  record SvgFile(Path file) implements Source {
    @Override
    public BufferedImage draw(int side) throws IOException {
      return SvgDrawing.of(SvgDrawing.bytes(file)).draw(side);
    }
  }

  /** A picture of pixels. */
  record WebpFile(Path file) implements Source {
    @Override
    public BufferedImage draw(int side) throws IOException {
      return WebpPicture.draw(file, side);
    }
  }
}
