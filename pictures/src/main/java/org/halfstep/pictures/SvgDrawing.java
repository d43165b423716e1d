package org.halfstep.pictures;

import com.github.weisj.jsvg.SVGDocument;
import com.github.weisj.jsvg.geometry.size.FloatSize;
import com.github.weisj.jsvg.parser.DocumentLimits;
import com.github.weisj.jsvg.parser.LoaderContext;
import com.github.weisj.jsvg.parser.ResourcePolicy;
import com.github.weisj.jsvg.parser.SVGLoader;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.stream.XMLStreamException;

/**
 * A drawing in SVG. Nothing outside the document is looked at, and its size, depth and number of
 * shapes are bounded.
 */
final class SvgDrawing {
  private static final long MOST_BYTES = 1 << 23;
  private static final long MOST_INSTANCES = 200_000;
  private static final byte[] GZIP = {0x1f, (byte) 0x8b};
  private static final int DEPTH = 100;
  private static final int USE_DEPTH = 15;
  private static final int SHAPES = 20_000;
  private static final float LARGEST_SIDE = 1e6f;

  private final SVGDocument document;

  private SvgDrawing(SVGDocument document) {
    this.document = document;
  }

  /** The bytes of a file, where they are not too many. */
  static byte[] bytes(Path file) throws IOException {
    long size = Files.size(file);
    if (size > MOST_BYTES) {
      throw new IOException(size + " bytes; expected at most " + MOST_BYTES);
    }
    return Files.readAllBytes(file);
  }

  /**
   * Reads a document.
   *
   * @throws IOException when it is none
   */
  static SvgDrawing of(byte[] svg) throws IOException {
    if (svg.length > 1 && svg[0] == GZIP[0] && svg[1] == GZIP[1]) {
      // It would be unpacked without a bound.
      throw new IOException("is compressed; expected plain SVG");
    }
    byte[] plain = PlainSvg.of(svg);
    try {
      if (Instances.count(plain) > MOST_INSTANCES) {
        throw new IOException("draws more than " + MOST_INSTANCES + " things");
      }
    } catch (XMLStreamException damaged) {
      throw new IOException("is no SVG document, or a damaged one", damaged);
    }
    LoaderContext context =
        LoaderContext.builder()
            .externalResourcePolicy(ResourcePolicy.DENY_EXTERNAL)
            .documentLimits(new DocumentLimits(DEPTH, USE_DEPTH, SHAPES))
            .build();
    SVGDocument document;
    try {
      document = new SVGLoader().load(new ByteArrayInputStream(plain), null, context);
    } catch (RuntimeException damaged) {
      // Damage is answered with exceptions of every kind.
      throw new IOException("cannot be read: " + damaged.getMessage(), damaged);
    }
    if (document == null) {
      throw new IOException("is no SVG document, or a damaged one");
    }
    return new SvgDrawing(document);
  }

  /**
   * Draws all of it in the middle of a white square.
   *
   * @param side in pixels
   */
  BufferedImage draw(int side) throws IOException {
    FloatSize size = document.size();
    if (!(size.width > 0 && size.height > 0)
        || size.width > LARGEST_SIDE
        || size.height > LARGEST_SIDE) {
      throw new IOException("has the size " + size.width + "x" + size.height);
    }
    BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    try {
      graphics.setColor(Color.WHITE);
      graphics.fillRect(0, 0, side, side);
      graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      graphics.setRenderingHint(RenderingHints.KEY_RENDERING, RenderingHints.VALUE_RENDER_QUALITY);
      graphics.setRenderingHint(
          RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
      double scale = side / (double) Math.max(size.width, size.height);
      graphics.translate((side - size.width * scale) / 2, (side - size.height * scale) / 2);
      graphics.scale(scale, scale);
      document.render(null, graphics);
    } catch (RuntimeException | StackOverflowError damaged) {
      throw new IOException("cannot be drawn: " + damaged, damaged);
    } finally {
      graphics.dispose();
    }
    return image;
  }
}
