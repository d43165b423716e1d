package org.halfstep.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.halfstep.files.DataException;

/** Decodes one PNG or JPEG file to plain sRGB or grey values from 0 to 255. */
public final class ImageFile {
  /**
   * Larger pictures are refused before they are decoded: the memory would be out of proportion to
   * the file.
   */
  static final long MAXIMUM_PIXELS = 1 << 26;

  private static final long MAXIMUM_FILE_BYTES = 1 << 28;
  private static final int MARKER = 0xff;
  private static final int JPEG_START = 0xd8;
  private static final int JPEG_END = 0xd9;
  private static final int JPEG_FIRST_SEGMENT = 0xc0;
  private static final int JPEG_FIRST_RESTART = 0xd0;
  private static final int JPEG_LAST_RESTART = 0xd7;
  private static final byte[] PNG_END = {'I', 'E', 'N', 'D', (byte) 0xae, 0x42, 0x60, (byte) 0x82};

  /** Decoded values from 0 to 255, HWC. */
  public record Pixels(int height, int width, int channels, float[] values) {}

  private ImageFile() {}

  /**
   * Decodes a file.
   *
   * @param channels 1 (luma of Rec. 601), 3, or 0 for what the file has; transparent parts become
   *     white
   * @throws DataException when the file is truncated, damaged, or neither PNG nor JPEG
   */
  public static Pixels read(Path path, int channels) throws IOException {
    if (Files.size(path) > MAXIMUM_FILE_BYTES) {
      throw new DataException(
          path,
          "expected at most "
              + MAXIMUM_FILE_BYTES
              + " bytes of one image, found "
              + Files.size(path));
    }
    byte[] file = Files.readAllBytes(path);
    try (var input = new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
      if (!isJpeg(file) && !isPng(file)) {
        throw notAnImage(path);
      }
      Iterator<ImageReader> readers = ImageIO.getImageReaders(input);
      if (!readers.hasNext()) {
        throw notAnImage(path);
      }
      ImageReader reader = readers.next();
      try {
        reader.setInput(input, true, true);
        int height = reader.getHeight(0);
        int width = reader.getWidth(0);
        if ((long) height * width > MAXIMUM_PIXELS) {
          throw new DataException(
              path,
              "expected at most " + MAXIMUM_PIXELS + " pixels, found " + width + "x" + height);
        }
        requireWhole(path, file);
        BufferedImage image = reader.read(0);
        int wanted = channels == 0 ? isGrey(image.getColorModel()) ? 1 : 3 : channels;
        return new Pixels(height, width, wanted, values(image, wanted));
      } catch (DataException refused) {
        throw refused;
      } catch (IOException | RuntimeException damaged) {
        // Decoders answer damage with exceptions of every kind.
        throw new DataException(
            path,
            "byte " + input.getStreamPosition(),
            "the image is truncated or damaged (" + reason(damaged) + ")",
            damaged);
      } finally {
        reader.dispose();
      }
    }
  }

  private static String reason(Exception damaged) {
    String message = damaged.getMessage();
    return message == null
        ? damaged.getClass().getSimpleName()
        : message.lines().findFirst().orElse("").strip();
  }

  private static DataException notAnImage(Path path) {
    return new DataException(path, 0, "expected a PNG or JPEG file, found neither");
  }

  private static boolean isPng(byte[] file) {
    return file.length >= 4
        && file[0] == (byte) 0x89
        && file[1] == 'P'
        && file[2] == 'N'
        && file[3] == 'G';
  }

  private static boolean isJpeg(byte[] file) {
    return file.length >= 2 && (file[0] & 0xff) == MARKER && (file[1] & 0xff) == JPEG_START;
  }

  // Decoders fill what is missing at the end of a picture with grey and say nothing: the end is
  // looked for here.
  private static void requireWhole(Path path, byte[] file) throws DataException {
    boolean whole = isJpeg(file) ? hasJpegEnd(file) : hasPngEnd(file);
    if (!whole) {
      throw new DataException(
          path,
          file.length,
          "the file ends, expected the " + (isJpeg(file) ? "JPEG end marker" : "PNG end chunk"));
    }
  }

  private static boolean hasPngEnd(byte[] file) {
    for (int from = file.length - PNG_END.length; from >= 0; from--) {
      if (Arrays.equals(file, from, from + PNG_END.length, PNG_END, 0, PNG_END.length)) {
        return true;
      }
    }
    return false;
  }

  // Walks the segments, because a thumbnail inside one of them has an end marker of its own.
  private static boolean hasJpegEnd(byte[] file) {
    int at = 2;
    while (at + 1 < file.length) {
      int marker = file[at + 1] & 0xff;
      boolean isSegment =
          (file[at] & 0xff) == MARKER
              && marker >= JPEG_FIRST_SEGMENT
              && marker != MARKER
              && (marker < JPEG_FIRST_RESTART || marker > JPEG_LAST_RESTART);
      if (!isSegment) {
        at++; // coded data, where 0xff is followed by 0 or a restart number, or fill bytes
      } else if (marker == JPEG_END) {
        return true;
      } else {
        int length =
            at + 3 < file.length ? (file[at + 2] & 0xff) << 8 | file[at + 3] & 0xff : file.length;
        at += 2 + length;
      }
    }
    return false;
  }

  private static float[] values(BufferedImage image, int channels) {
    return isGrey(image.getColorModel())
        ? greyValues(image, channels)
        : colourValues(image, channels);
  }

  private static boolean isGrey(ColorModel model) {
    return !(model instanceof IndexColorModel)
        && model.getColorSpace().getType() == ColorSpace.TYPE_GRAY;
  }

  // Java takes grey samples for linear light and would change them on the way to sRGB: they are
  // read as they are stored.
  private static float[] greyValues(BufferedImage image, int channels) {
    Raster raster = image.getRaster();
    boolean alpha = image.getColorModel().hasAlpha();
    float scale = 255f / ((1 << image.getColorModel().getComponentSize(0)) - 1);
    float[] values = new float[image.getHeight() * image.getWidth() * channels];
    int[] samples = null;
    int target = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      samples = raster.getPixels(0, y, image.getWidth(), 1, samples);
      int bands = raster.getNumBands();
      for (int x = 0; x < image.getWidth(); x++) {
        float grey = samples[x * bands] * scale;
        if (alpha) {
          grey = overWhite(grey, samples[x * bands + 1] * scale / 255f);
        }
        for (int c = 0; c < channels; c++) {
          values[target++] = grey;
        }
      }
    }
    return values;
  }

  private static float[] colourValues(BufferedImage image, int channels) {
    float[] values = new float[image.getHeight() * image.getWidth() * channels];
    int[] row = new int[image.getWidth()];
    int target = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      image.getRGB(0, y, row.length, 1, row, 0, row.length);
      for (int argb : row) {
        float opacity = (argb >>> 24) / 255f;
        float red = overWhite(argb >> 16 & 0xff, opacity);
        float green = overWhite(argb >> 8 & 0xff, opacity);
        float blue = overWhite(argb & 0xff, opacity);
        if (channels == 1) {
          values[target++] = 0.299f * red + 0.587f * green + 0.114f * blue;
        } else {
          values[target++] = red;
          values[target++] = green;
          values[target++] = blue;
        }
      }
    }
    return values;
  }

  private static float overWhite(float value, float opacity) {
    return 255 + (value - 255) * opacity;
  }
}
